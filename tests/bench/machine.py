"""The setting of a bench: the machine, the versions, the free space on its disk."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ledger.store.connection import journal_mode, sqlite_version

PACKAGES = ("ledger", "numpy", "pysqlite3", "huey", "jinja2", "wordllama")


def machine(work: Path) -> dict[str, Any]:
    """Return what the figures depend on, as far as it can be determined."""
    return {
        "processor": _fact("/proc/cpuinfo", "model name"),
        "cores": os.cpu_count(),
        "memory": _fact("/proc/meminfo", "MemTotal"),
        "system": platform.platform(),
        "filesystem": _filesystem(work),
        "disk_free": shutil.disk_usage(work).free,
    }


def versions() -> dict[str, str]:
    """Python, SQLite, the packages that matter, and the commit."""
    found = {"python": platform.python_version(), "sqlite": f"{sqlite_version()} {journal_mode()}"}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return {**found, "commit": _commit()}


def load() -> float:
    """Return the load average of the last minute."""
    return round(os.getloadavg()[0], 2)


def _fact(path: str, name: str) -> str:
    try:
        lines = Path(path).read_text("utf-8").splitlines()
    except OSError:
        return "unknown"
    values = [line.partition(":")[2].strip() for line in lines if line.startswith(name)]
    return values[0] if values else "unknown"


def _filesystem(path: Path) -> str:
    """The type of the filesystem that `path` lies on."""
    try:
        lines = Path("/proc/mounts").read_text("utf-8").splitlines()
    except OSError:
        return "unknown"
    mounts = [line.split()[1:3] for line in lines]
    above = [(point, kind) for point, kind in mounts if path.resolve().is_relative_to(point)]
    return max(above, key=lambda mount: len(mount[0]))[1] if above else "unknown"


def _commit() -> str:
    command = ["git", "describe", "--always", "--dirty"]
    done = subprocess.run(
        command,
        cwd=Path(__file__).parent,
        env={**os.environ, "GIT_OPTIONAL_LOCKS": "0"},  # reads only
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"
