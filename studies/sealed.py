"""JSON files whose first line holds the hash of everything after it, so that damage is noticed however small it is."""

from __future__ import annotations

import hashlib

_KEY = b'{"sha256": "'


def sealed(text: str) -> bytes:
    """The JSON object in ``text`` (it starts with its brace and is not empty) with its hash as the first key."""
    rest = text[1:].encode()
    return _seal(rest) + rest


def has_seal(data: bytes) -> bool:
    """Whether the file says what its hash is."""
    return data.startswith(_KEY)


def is_whole(data: bytes) -> bool:
    """Whether the file is, byte for byte, as it was sealed."""
    seal, _, rest = data.partition(b"\n")
    return seal + b"\n" == _seal(rest)


def _seal(rest: bytes) -> bytes:
    return _KEY + hashlib.sha256(rest).hexdigest().encode() + b'",\n'
