"""Safe path segments for any text; distinct texts get distinct segments."""

from __future__ import annotations

import re
import unicodedata

from ledger.fingerprint import digest_bytes

MAX_PLAIN = 80
MAX_READABLE_BYTES = 60

_PLAIN = re.compile(r"[a-z0-9][a-z0-9_-]*(?:\.[a-z0-9_-]+)*")
_UNSAFE = re.compile(r"[^\w-]+")

# Device names on Windows, whatever follows the first dot.
DEVICES = frozenset(
    ["con", "prn", "aux", "nul", *(f"{port}{n}" for port in ("com", "lpt") for n in range(1, 10))]
)


def slug(segment: str) -> str:
    """Return `segment` itself if it is plain, else its readable part, `~` and a hash.

    Plain segments contain no `~`, so the two forms cannot collide. Neither form contains
    capitals, so they do not collide on case-insensitive file systems either.
    """
    if _is_plain(segment):
        return segment
    digest = digest_bytes(segment.encode("utf-8", "surrogatepass"))
    return f"{_readable(segment)}~{digest[:12]}"


def _is_plain(segment: str) -> bool:
    return (
        len(segment) <= MAX_PLAIN
        and segment != "index"  # the name of a folder's own page
        and segment.partition(".")[0] not in DEVICES
        and _PLAIN.fullmatch(segment) is not None
    )


def _readable(segment: str) -> str:
    """Return the letters and digits of `segment`, at most 60 UTF-8 bytes; may be empty."""
    folded = unicodedata.normalize("NFC", segment).casefold()
    dashed = _UNSAFE.sub("-", folded).strip("-")
    cut = dashed.encode("utf-8")[:MAX_READABLE_BYTES].decode("utf-8", "ignore")
    return cut.rstrip("-")
