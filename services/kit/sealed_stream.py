"""A long secret, sealed piece by piece: neither who seals it nor who opens it ever holds it whole.

Owns the layout, which is that of Tink's streaming AEAD (AES256-GCM-HKDF, SHA-256): a header of its
own length, a salt and a nonce prefix, then segments of 64 KiB with a tag each, the header counted
into the first. A segment's nonce says its number and whether it is the last, so that nothing can
be changed, moved, repeated, left out or cut off; the key of the segments is derived from the
secret's key, the salt and what it is bound to. Randomness comes in; nothing goes to any disk.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from services.kit.sealing import UnsealError

SEGMENT: Final = 64 * 1024
KEY_BYTES: Final = 32
_SALT: Final = 32
_PREFIX: Final = 7
_HEADER: Final = 1 + _SALT + _PREFIX
_TAG: Final = 16


class _Segments:
    """The segments of one secret, in order."""

    def __init__(self, key: bytes, bound_to: bytes, salt: bytes, prefix: bytes) -> None:
        derived = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=salt, info=bound_to)
        self._cipher = AESGCM(derived.derive(key))
        self._prefix = prefix
        self._number = 0

    @property
    def room(self) -> int:
        """How long the next segment is, with its tag, unless it is the last."""
        return SEGMENT if self._number else SEGMENT - _HEADER

    def seal(self, plaintext: bytes, *, last: bool = False) -> bytes:
        return self._cipher.encrypt(self._nonce(last), plaintext, None)

    def open(self, ciphertext: bytes, *, last: bool = False) -> bytes:
        try:
            return self._cipher.decrypt(self._nonce(last), ciphertext, None)
        except InvalidTag as error:
            raise UnsealError("a segment does not open: changed, moved or cut off") from error

    def _nonce(self, last: bool) -> bytes:
        number = self._number.to_bytes(4)
        self._number += 1
        return self._prefix + number + bytes([last])


class Sealing:
    """Seals what is fed to it; the ciphertext is what `feed` and `finish` answer, in order."""

    def __init__(self, key: bytes, bound_to: bytes, random_bytes: Callable[[int], bytes]) -> None:
        salt, prefix = random_bytes(_SALT), random_bytes(_PREFIX)
        self._segments = _Segments(key, bound_to, salt, prefix)
        self._ready = bytes([_HEADER]) + salt + prefix
        self._held = bytearray()

    def feed(self, plaintext: bytes) -> bytes:
        """The ciphertext that is ready with this; what may be the end is held back."""
        self._held += plaintext
        pieces = [self._ready]
        self._ready = b""
        while len(self._held) > (room := self._segments.room - _TAG):
            pieces.append(self._segments.seal(_cut(self._held, room)))
        return b"".join(pieces)

    def finish(self) -> bytes:
        """The last of the ciphertext."""
        return self._ready + self._segments.seal(bytes(self._held), last=True)


class Opening:
    """Opens what is fed to it. Whoever stops before `finish` has not seen that it is whole."""

    def __init__(self, key: bytes, bound_to: bytes) -> None:
        self._key = key
        self._bound_to = bound_to
        self._segments: _Segments | None = None
        self._held = bytearray()

    def feed(self, ciphertext: bytes) -> bytes:
        """The plaintext that is ready with this. Raises `UnsealError`."""
        self._held += ciphertext
        if self._segments is None and not self._read_header():
            return b""
        assert self._segments is not None  # noqa: S101 (the header was read)
        pieces = []
        while len(self._held) > (room := self._segments.room):
            pieces.append(self._segments.open(_cut(self._held, room)))
        return b"".join(pieces)

    def finish(self) -> bytes:
        """The last of the plaintext. Raises `UnsealError`."""
        if self._segments is None:
            raise UnsealError("cut off within the header")
        return self._segments.open(bytes(self._held), last=True)

    def _read_header(self) -> bool:
        if len(self._held) < _HEADER:
            return False
        header = _cut(self._held, _HEADER)
        if header[0] != _HEADER:
            raise UnsealError("not a stream that was sealed here")
        salt, prefix = header[1 : 1 + _SALT], header[1 + _SALT :]
        self._segments = _Segments(self._key, self._bound_to, salt, prefix)
        return True


def _cut(held: bytearray, size: int) -> bytes:
    """The first bytes of what is held, which then is held no more."""
    taken = bytes(held[:size])
    del held[:size]
    return taken
