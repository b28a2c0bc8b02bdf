"""Outputs of the storms' jobs: bytes that depend only on key and fingerprint."""

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
    """Return the number of jobs to plan of each kind, and their editions."""
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
