"""Settings of a process, from `RECOURSE_*` variables or files that `RECOURSE_*_FILE` name.

Owns where settings come from, and names, defaults and meaning of what every service needs (each is
listed in `deploy/env/example.env`). Never reads the environment after start.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

PREFIX = "RECOURSE_"


class _Files(PydanticBaseSettingsSource):
    """`RECOURSE_MASTER_KEY_FILE=/run/secrets/key` gives `master_key` the file's content."""

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        path = os.environ.get(f"{PREFIX}{field_name.upper()}_FILE")
        return (Path(path).read_text().strip() if path else None), field_name, False

    def __call__(self) -> dict[str, Any]:
        found = {
            name: self.get_field_value(field, name)[0]
            for name, field in self.settings_cls.model_fields.items()
        }
        return {name: value for name, value in found.items() if value is not None}


class FileSettings(BaseSettings):
    """Settings of any process of ours: variables, or files that variables name."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, extra="ignore", frozen=True)

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Arguments win over variables, variables over files."""
        return init_settings, env_settings, _Files(settings_cls)


class KafkaSettings(FileSettings):
    """Where the broker is, how it is spoken to, and what its topics are like."""

    kafka_bootstrap: str = Field(description="host:port, several separated by commas")
    kafka_profile: Literal["apache", "embedded"] = "apache"
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    kafka_sasl_mechanism: Literal["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"] = "SCRAM-SHA-512"
    kafka_sasl_username: str | None = None
    kafka_sasl_password: SecretStr | None = None
    kafka_ca_file: Path | None = None
    topics_prefix: str = "recourse."
    partitions: int = Field(default=12, ge=1)
    replication: int = Field(default=3, ge=1, description="copies of each topic's partitions")


class HttpSettings(FileSettings):
    """Where a process listens, and how much it says."""

    http_host: str = "127.0.0.1"
    http_port: int = 8080
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    identity: Literal["off", "on"] = Field(
        default="off", description="on: every request needs a token or an API key"
    )
    unauthenticated_beyond_loopback_because_a_proxy_authenticates: bool = False


class IdentitySettings(HttpSettings):
    """Whose tokens are good, where they say what, and how much a caller may ask for."""

    identity_issuer: str | None = Field(default=None, description="unset: API keys only")
    identity_audience: str = "recourse"
    identity_jwks_url: str | None = Field(default=None, description="unset: found by discovery")
    identity_ca_file: Path | None = None
    identity_role_claim: str = "role"
    identity_staff_number_claim: str = "staff_number"
    identity_customer_claim: str = "customer_id"
    identity_groups_claim: str = "groups"
    identity_leeway_s: float = Field(default=30, ge=0, le=300)
    rate_per_s: float = Field(default=50, ge=0, description="of a person; 0: not limited")
    machine_rate_per_s: float = Field(default=2000, ge=0, description="of a backend or ops")
    body_max_bytes: int = Field(
        default=256 * 1024, ge=1024, description="the largest JSON body of a request"
    )
    request_timeout_s: float = Field(default=60, gt=0, description="the longest that one may take")


class CallerSettings(FileSettings):
    """Who a command of ours calls as."""

    token: SecretStr | None = Field(default=None, description="a token or an API key")
    purpose: str | None = Field(default=None, description="what data is read for; audited")
    actor: str | None = Field(default=None, description="who reads, where nobody is asked")


class KeysSettings(FileSettings):
    """Where the subject keys are, and the API keys beside them."""

    keys_dsn: str = Field(description="DSN of the role that owns the subject keys")


class Settings(KafkaSettings, IdentitySettings, KeysSettings):
    """What every service needs. Time-outs are real seconds unless the name says otherwise."""

    database_dsn: str = Field(description="DSN of this service's role; its schema has its name")
    master_key: SecretStr = Field(description="base64 of 32 bytes that wrap the subject keys")
    kafka_fetch_max_wait_ms: int | None = Field(
        default=None, ge=50, description="how long an empty fetch waits; unset: by profile"
    )

    packs_dir: Path | None = Field(
        default=None, description="a pack's folder; default: the shipped"
    )
    packs: str = Field(
        default="",
        description="folders of packs in the order they are asked, separated by `:`; "
        "the first that takes a case has it",
    )
    pool_size: int = 6
    batch_records: int = 1000
    statement_timeout_s: float = 30
    lock_timeout_s: float = 10
    idle_in_transaction_timeout_s: float = 30
    gap_age_s: float = Field(default=60, description="a gap older than this is asked for again")
    unknown_wait_s: float = Field(default=60, description="how long a message waits for its case")
    stale_after_s: float = Field(default=5, description="a stream without heartbeat is stale then")
    retention_answers_d: int = Field(
        default=30, ge=0, description="days that answers under an Idempotency-Key are kept; 0: ever"
    )
    retention_foreign_seen_d: int = Field(
        default=30, ge=0, description="days that a foreign message is known to be taken; 0: ever"
    )
    retention_dead_letter_bytes_d: int = Field(
        default=30, ge=0, description="days that the bytes of a dead letter are kept; 0: ever"
    )
    retention_parked_d: int = Field(
        default=180, ge=0, description="days that the beginning of a case is waited for; 0: ever"
    )
    retention_audit_d: int = Field(
        default=1096, ge=0, description="days that a reading is kept, at least 90; 0: ever"
    )
    retention_key_uses_d: int = Field(
        default=365, ge=0, description="days that it is kept who fetched whose key; 0: ever"
    )
    simulated_clock: bool = Field(
        default=False, description="wait for the local stack to set the simulated clock"
    )

    @field_validator("retention_audit_d")
    @classmethod
    def _audit_stays(cls, days: int) -> int:
        if 0 < days < 90:
            raise ValueError("the audit is kept for 90 days at least")
        return days

    @field_validator("retention_foreign_seen_d")
    @classmethod
    def _seen_while_the_topic_has_it(cls, days: int) -> int:
        if 0 < days < 8:
            raise ValueError("must be longer than the topic keeps a message: 8 days at least")
        return days

    @property
    def pack_folders(self) -> tuple[Path, ...]:
        """The folders of all packs, in the order they are asked; none: the shipped pack."""
        named = tuple(Path(folder) for folder in self.packs.split(os.pathsep) if folder)
        return named or ((self.packs_dir,) if self.packs_dir is not None else ())


_Kind = TypeVar("_Kind", bound=FileSettings)


def read_settings(kind: type[_Kind]) -> _Kind:
    """The settings of this process. Ends it, naming each variable that is missing or wrong."""
    try:
        return kind()
    except ValidationError as error:
        found = error.errors(include_input=False, include_url=False)
        lines = [f"  {PREFIX}{'_'.join(map(str, e['loc'])).upper()}: {e['msg']}" for e in found]
        raise SystemExit("the settings are not complete:\n" + "\n".join(lines)) from None
    except OSError as error:
        raise SystemExit(f"a file that the settings name cannot be read: {error}") from None
