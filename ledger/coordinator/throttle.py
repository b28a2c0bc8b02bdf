"""Throttle: no new jobs while the machine is busy, short of memory, or hot."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Throttle:
    """Limits of the machine below which no job begins; None: no limit.

    `load` is the most for the load average of the last minute, `memfree` the least memory in
    bytes that is free for others, `temperature` the most for the hottest sensor, in °C.
    """

    load: float | None = None
    memfree: int | None = None
    temperature: float | None = None

    def notes(self) -> list[str]:
        """Return warnings about limits that this machine cannot measure, and so does not keep."""
        if self.temperature is None or hottest_sensor() is not None:
            return []
        return ["this machine has no temperature sensor: --temp has no effect"]

    def why(self) -> str | None:
        """Return why no job may begin now; None if jobs may."""
        if self.load is not None and (load := os.getloadavg()[0]) > self.load:
            return f"the load is {load:.1f}, more than {self.load:g}"
        if self.memfree is not None and (free := _free_memory()) < self.memfree:
            return f"{free / 1e6:,.0f} MB of memory are free, less than {self.memfree / 1e6:,.0f}"
        hottest = hottest_sensor() if self.temperature is not None else None
        if hottest is not None and self.temperature is not None and hottest > self.temperature:
            return f"the machine has {hottest:.0f} °C, more than {self.temperature:g}"
        return None


def _free_memory() -> int:
    import psutil

    return int(psutil.virtual_memory().available)


def hottest_sensor() -> float | None:
    """Return the temperature of the hottest sensor in °C; None without one, as in most VMs."""
    import psutil

    read = getattr(psutil, "sensors_temperatures", None)
    if read is None:
        return None
    with suppress(OSError, RuntimeError):
        values = [each.current for group in read().values() for each in group if each.current]
        return max(values, default=None)
    return None
