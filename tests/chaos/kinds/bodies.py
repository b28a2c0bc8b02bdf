"""What the jobs of the storms write: bytes that key and fingerprint decide, and nothing else."""

from __future__ import annotations

import hashlib
import json
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

BLOCK = 32
LARGE_BYTES = 200_000
LARGE_EVERY = 97


def asked(root: Path) -> dict[str, Any]:
    """How many jobs of each kind there are to be, and which edition of each."""
    found: dict[str, Any] = json.loads((root / "chaos.json").read_text("utf-8"))
    return found


def body(key: str, fingerprint: str, number: int) -> bytes:
    """One to five kB, and every now and then 200."""
    size = LARGE_BYTES if number % LARGE_EVERY == 5 else 1_000 + number * 37 % 4_000
    seed = f"{key} {fingerprint}".encode()
    block = hashlib.sha256(seed).hexdigest().encode() + b"\n"
    return seed + b"\n" + block * (size // len(block))


def linger(payload: dict[str, Any]) -> None:
    """Take the time that the plan gives such a job."""
    if payload.get("pause"):
        time.sleep(payload["pause"])
