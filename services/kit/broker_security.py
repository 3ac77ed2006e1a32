"""TLS and SASL of the connection to Kafka, from the settings.

Owns the translation: FastStream has words of its own, aiokafka's clients others.
"""

from __future__ import annotations

import ssl
from typing import Any

from faststream.security import BaseSecurity, SASLPlaintext, SASLScram256, SASLScram512

from services.kit.settings import KafkaSettings


def security(settings: KafkaSettings) -> BaseSecurity | None:
    """TLS and SASL in FastStream's words."""
    protocol = settings.kafka_security_protocol
    if protocol == "PLAINTEXT":
        return None
    context = _tls(settings)
    if not protocol.startswith("SASL"):
        return BaseSecurity(ssl_context=context, use_ssl=True)
    mechanisms = {
        "PLAIN": SASLPlaintext,
        "SCRAM-SHA-256": SASLScram256,
        "SCRAM-SHA-512": SASLScram512,
    }
    return mechanisms[settings.kafka_sasl_mechanism](
        username=settings.kafka_sasl_username or "",
        password=_password(settings) or "",
        ssl_context=context,
        use_ssl=context is not None,
    )


def client_options(settings: KafkaSettings) -> dict[str, Any]:
    """Where the brokers are, TLS and SASL, as arguments of any of aiokafka's clients."""
    return {
        "bootstrap_servers": settings.kafka_bootstrap.split(","),
        "security_protocol": settings.kafka_security_protocol,
        "ssl_context": _tls(settings),
        "sasl_mechanism": settings.kafka_sasl_mechanism,
        "sasl_plain_username": settings.kafka_sasl_username,
        "sasl_plain_password": _password(settings),
    }


def _tls(settings: KafkaSettings) -> ssl.SSLContext | None:
    if not settings.kafka_security_protocol.endswith("SSL"):
        return None
    return ssl.create_default_context(cafile=settings.kafka_ca_file)


def _password(settings: KafkaSettings) -> str | None:
    secret = settings.kafka_sasl_password
    return secret.get_secret_value() if secret else None
