"""Which tokens are good, whom they stand for, and when the issuer is asked for its keys."""

from __future__ import annotations

import base64
import json
import time
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

from services.kit.identity import jwks
from services.kit.identity.denial import Denied
from services.kit.identity.jwks import KeySet, KeysUnavailable
from services.kit.identity.principal import Principal, Role
from services.kit.identity.tokens import Claims, Tokens, read_claims
from services.local.issuer import AUDIENCE, Issuer
from tests.support.identity import URL, client_of, tokens_of


async def refusal(tokens: Tokens, token: str) -> str:
    with pytest.raises(Denied) as denied:
        await tokens.principal(token)
    answer = denied.value.answer
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith('Bearer realm="recourse"')
    return str(json.loads(bytes(answer.body))["reason"])


async def test_a_good_token_names_role_and_staff_number() -> None:
    issuer = Issuer(URL)
    token = issuer.token("agent", "A1024", name="李四", groups=["frontline"], scope="openid x")
    found = await tokens_of(issuer).principal(token)
    assert found == Principal(
        Role.AGENT, "A1024", "李四", frozenset({"openid", "x"}), frozenset({"frontline"})
    )


@pytest.mark.parametrize(
    ("claims", "reason"),
    [
        ({"exp": -31}, "token_expired"),
        ({"nbf": 60}, "token_not_yet_valid"),
        ({"iss": "https://other.test"}, "issuer_wrong"),
        ({"aud": "somebody-else"}, "audience_wrong"),
        ({"aud": None}, "claim_missing"),
        ({"exp": None}, "claim_missing"),
        ({"sub": None}, "claim_missing"),
        ({"role": "admin"}, "role_unclear"),
        ({"role": None}, "role_unclear"),
        ({"role": ["customer", "agent"]}, "role_unclear"),
        ({"staff_number": None}, "claim_missing"),
        ({"staff_number": ""}, "claim_missing"),
        ({"staff_number": "A\n1"}, "claim_missing"),
        ({"staff_number": 7}, "claim_missing"),
    ],
)
async def test_a_claim_that_does_not_fit(claims: dict[str, Any], reason: str) -> None:
    issuer, now = Issuer(URL), int(time.time())
    instants = {name: now + claims[name] for name in ("exp", "nbf") if claims.get(name)}
    token = issuer.token("agent", "A1024", **{**claims, **instants})
    assert await refusal(tokens_of(issuer), token) == reason


async def test_the_clock_of_the_issuer_may_be_a_little_off() -> None:
    issuer = Issuer(URL)
    assert await tokens_of(issuer).principal(issuer.token("ops", "o", exp=int(time.time()) - 10))


def unsigned(header: dict[str, Any], claims: dict[str, Any]) -> str:
    parts = (json.dumps(part).encode() for part in (header, claims))
    return ".".join(base64.urlsafe_b64encode(part).decode().rstrip("=") for part in parts) + "."


async def test_no_algorithm_but_the_pinned_ones() -> None:
    issuer = Issuer(URL)
    tokens = tokens_of(issuer)
    claims = jwt.decode(issuer.token("ops", "o"), options={"verify_signature": False})
    none = unsigned({"alg": "none", "kid": issuer.kid}, claims)
    # The old confusion: the public key taken for a secret.
    secret = jwt.encode(claims, issuer.jwks()["keys"][0]["x"], "HS256", {"kid": issuer.kid})
    assert await refusal(tokens, none) == "algorithm_not_allowed"
    assert await refusal(tokens, secret) == "algorithm_not_allowed"
    rsa_signed = jwt.encode(
        claims, rsa.generate_private_key(65537, 2048), "RS256", {"kid": issuer.kid}
    )
    assert await refusal(tokens, rsa_signed) == "algorithm_not_allowed"
    other = jwt.encode(
        claims, ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": issuer.kid}
    )
    assert await refusal(tokens, other) == "signature_wrong"


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "." * 10, "é.é.é", "x" * 20_000])
async def test_what_is_no_token(token: str) -> None:
    assert await refusal(tokens_of(Issuer(URL)), token) == "token_malformed"


async def test_a_token_that_was_changed() -> None:
    issuer = Issuer(URL)
    head, body, signature = issuer.token("customer", "cust-1").split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "=="))
    claims["customer_id"] = "cust-2"
    forged = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    assert await refusal(tokens_of(issuer), f"{head}.{forged}.{signature}") == "signature_wrong"


@pytest.mark.parametrize("algorithm", ["RS256", "EdDSA"])
async def test_the_other_pinned_algorithms(algorithm: str) -> None:
    key: Any
    if algorithm == "RS256":
        key = rsa.generate_private_key(65537, 2048)
        public = RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
    else:
        key = ed25519.Ed25519PrivateKey.generate()
        public = OKPAlgorithm.to_jwk(key.public_key(), as_dict=True)
    document = {"keys": [{**public, "kid": "k", "use": "sig", "alg": algorithm}]}
    keys = KeySet(client_of(lambda _: httpx.Response(200, json=document)), URL, f"{URL}/jwks")
    claims = {
        "iss": URL,
        "aud": AUDIENCE,
        "sub": "s",
        "exp": int(time.time()) + 60,
        "role": "backend",
    }
    token = jwt.encode(claims, key, algorithm, {"kid": "k"})
    found = await Tokens(keys, URL, AUDIENCE, Claims(), 30).principal(token)
    assert found == Principal(Role.BACKEND, "s")


def test_claims_are_found_where_the_settings_say() -> None:
    claims = {
        "sub": "0c1d",
        "realm_access": {"roles": ["offline_access", "agent", "supervisor"]},
        "ext": {"number": "A2001"},
    }
    names = Claims(role="realm_access.roles", staff_number="ext.number")
    assert read_claims(claims, names) == Principal(Role.SUPERVISOR, "A2001")


class Provider:
    """An issuer's key endpoint that counts, and can be away."""

    def __init__(self, issuer: Issuer) -> None:
        self.issuer = issuer
        self.asked = 0
        self.away = False

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        if self.away:
            return httpx.Response(503)
        if request.url.path.endswith("openid-configuration"):
            return httpx.Response(200, json={"jwks_uri": f"{URL}/found"})
        return httpx.Response(200, json=self.issuer.jwks())


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Now, to be moved."""
    now = [1000.0]
    monkeypatch.setattr(jwks, "monotonic", lambda: now[0])
    return now


async def test_keys_are_fetched_once_and_again_when_an_unknown_one_is_named(
    clock: list[float],
) -> None:
    provider = Provider(Issuer(URL))
    keys = KeySet(client_of(provider), URL, f"{URL}/jwks")
    old = provider.issuer.kid
    assert await keys.key(old)
    assert await keys.key(old)
    assert provider.asked == 1
    provider.issuer = Issuer(URL)
    clock[0] += 11
    assert await keys.key(provider.issuer.kid)
    assert provider.asked == 2
    assert await keys.key(old) is None, "the issuer has withdrawn it"


async def test_many_unknown_keys_ask_the_issuer_once(clock: list[float]) -> None:
    provider = Provider(Issuer(URL))
    keys = KeySet(client_of(provider), URL, f"{URL}/jwks")
    assert await keys.key(provider.issuer.kid)
    for number in range(100):
        assert await keys.key(f"unknown-{number}") is None
    assert provider.asked == 1
    clock[0] += 11
    for number in range(100):
        assert await keys.key(f"unknown-{number}") is None
    assert provider.asked == 2


async def test_known_keys_stay_good_while_the_issuer_is_away(clock: list[float]) -> None:
    provider = Provider(Issuer(URL))
    keys = KeySet(client_of(provider), URL, f"{URL}/jwks")
    assert await keys.key(provider.issuer.kid)
    provider.away = True
    clock[0] += 10_000
    assert await keys.key(provider.issuer.kid)
    assert provider.asked == 2


async def test_without_any_key_nothing_can_be_said(clock: list[float]) -> None:
    provider = Provider(Issuer(URL))
    provider.away = True
    keys = KeySet(client_of(provider), URL, f"{URL}/jwks")
    with pytest.raises(KeysUnavailable):
        await keys.key("k")
    with pytest.raises(Denied) as denied:
        await Tokens(keys, URL, AUDIENCE, Claims(), 30).principal(provider.issuer.token("ops", "o"))
    assert denied.value.answer.status_code == 503


async def test_the_keys_are_found_by_discovery(clock: list[float]) -> None:
    provider = Provider(Issuer(URL))
    keys = KeySet(client_of(provider), URL, None)
    assert await keys.key(provider.issuer.kid)
    assert provider.asked == 2


async def test_only_public_keys_for_signatures_are_taken(clock: list[float]) -> None:
    good = Issuer(URL)
    document = {
        "keys": [
            {"kty": "oct", "k": "c2VjcmV0", "kid": "oct", "alg": "HS256"},
            {**good.jwks()["keys"][0], "kid": "enc", "use": "enc"},
            {"kty": "EC", "crv": "P-999", "x": "x", "y": "y", "kid": "odd"},
            {key: value for key, value in good.jwks()["keys"][0].items() if key != "kid"},
            *good.jwks()["keys"],
        ]
    }
    keys = KeySet(client_of(lambda _: httpx.Response(200, json=document)), URL, f"{URL}/jwks")
    assert await keys.key(good.kid)
    assert [await keys.key(kid) for kid in ("oct", "enc", "odd", "")] == [None] * 4
