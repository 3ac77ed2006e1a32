"""The ways in which a request is turned away before a service sees it, each with its answer.

Owns status, reason and headers of these problem documents. Never says what a credential was.
"""

from __future__ import annotations

import math

from services.kit import http
from services.kit.http import Problem, invalid, problem

REALM = 'Bearer realm="recourse"'


class Denied(Exception):
    """A request that goes no further; `answer` says why."""

    def __init__(self, answer: Problem) -> None:
        super().__init__(answer.status_code)
        self.answer = answer


def unauthenticated(reason: str) -> Denied:
    """401: no credential (`credential_missing`), or none that is good."""
    missing = reason == "credential_missing"
    answer = problem(
        401, "unauthenticated", "A bearer token or an API key is needed", reason=reason
    )
    answer.headers["WWW-Authenticate"] = REALM if missing else f'{REALM}, error="invalid_token"'
    return Denied(answer)


def forbidden(reason: str, detail: str = "") -> Denied:
    """403: the credential is good, but not for this."""
    return Denied(http.forbidden(reason, detail))


def not_found() -> Denied:
    """404: what is somebody else's is as absent as what is not there."""
    return Denied(problem(404, "not-found", "Not found"))


def wrong_method(allowed: frozenset[str]) -> Denied:
    """405 with what is allowed."""
    answer = problem(405, "http", "Method Not Allowed")
    answer.headers["Allow"] = ", ".join(sorted(allowed))
    return Denied(answer)


def too_large(max_bytes: int) -> Denied:
    """413: larger than any body of this route may be."""
    title = f"the body is larger than {max_bytes} bytes"
    return Denied(problem(413, "too-large", title, reason="too_large"))


def too_deep(max_depth: int) -> Denied:
    """422: JSON nested deeper than any body of ours is."""
    detail = f"nested deeper than {max_depth} levels"
    return Denied(invalid([{"pointer": "", "detail": detail}]))


def not_json(pointer: str, detail: str) -> Denied:
    """422: what two readers could read as two things is not looked at."""
    return Denied(invalid([{"pointer": pointer, "detail": detail}]))


def too_many(wait_s: float) -> Denied:
    """429 with the seconds after which it is worth trying again."""
    answer = problem(429, "too-many-requests", "Too many requests", reason="rate_limited")
    answer.headers["Retry-After"] = str(max(1, math.ceil(wait_s)))
    return Denied(answer)


def too_slow() -> Denied:
    """408: the body did not arrive in time."""
    return Denied(problem(408, "timeout", "The request did not arrive in time", reason="timeout"))


def out_of_time() -> Denied:
    """503: the work took longer than any request may."""
    return Denied(problem(503, "timeout", "This took too long", reason="timeout"))


def unsure() -> Denied:
    """503: whether the credential is good cannot be found out now."""
    return Denied(
        problem(503, "unavailable", "Credentials cannot be checked now", reason="unavailable")
    )
