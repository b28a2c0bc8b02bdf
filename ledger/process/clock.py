"""Time that leases can trust: seconds since boot, and which boot.

The wall clock steps (NTP, a person, a suspended machine) and would hand a live worker's
job to another or freeze a dead worker's job. CLOCK_MONOTONIC is the same for every
process of a machine, never steps, and stands still while the machine sleeps, as the
workers do. After a restart of the machine it starts again, so a lease also names the boot.
"""

from __future__ import annotations

import subprocess
import sys
import time
from functools import cache
from pathlib import Path


def now() -> float:
    """Seconds on the clock that all processes of this boot share."""
    return time.monotonic()


def wall() -> float:
    """Seconds since the epoch, for people to read; no decision depends on it."""
    return time.time()


@cache
def boot_id() -> str:
    """A name for this boot of this machine."""
    linux = Path("/proc/sys/kernel/random/boot_id")
    if linux.exists():
        return linux.read_text(encoding="ascii").strip()
    if sys.platform == "darwin":
        command = ["/usr/sbin/sysctl", "-n", "kern.bootsessionuuid"]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    raise OSError(f"no way is known to tell one boot from the next on {sys.platform}")
