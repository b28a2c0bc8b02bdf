"""The one hash of the project: 128-bit xxh3, as 32 hexadecimal digits.

It tells changed from unchanged; it is not a defence against forgery. xxh3 runs at
memory speed, so hashing a page costs less than writing it.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import orjson
import xxhash

if TYPE_CHECKING:
    from collections.abc import Iterable

Buffer = bytes | bytearray | memoryview


def digest_bytes(data: Buffer) -> str:
    """Digest of one buffer."""
    return xxhash.xxh3_128_hexdigest(data)


def digest_chunks(chunks: Iterable[Buffer]) -> str:
    """Digest of the concatenation of `chunks`."""
    state = xxhash.xxh3_128()
    for chunk in chunks:
        state.update(chunk)
    return state.hexdigest()


def fingerprint(*parts: object) -> str:
    """Digest of JSON-able values; distinct values give distinct digests, in any process.

    Keys are sorted, so the order in which a mapping was filled does not count.
    """
    try:
        data = orjson.dumps(parts, option=orjson.OPT_SORT_KEYS)
    except TypeError:  # half a surrogate, a number of more than 64 bits, a key that is no text
        text = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
        data = text.encode("utf-8", "surrogatepass")
    return digest_bytes(data)
