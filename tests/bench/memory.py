"""The memory of a process and all its descendants, looked at while it runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from bench.site import PATIENCE, end

if TYPE_CHECKING:
    import subprocess


@dataclass(slots=True)
class Peak:
    """The most there was at one moment, in bytes."""

    private: int = 0  # of workers: unshared pages (USS)
    written: int = 0  # of workers: those of them that no file backs, or that differ from it
    whole: int = 0  # of all processes, shared pages counted by share (PSS)
    workers: int = 0


def watch(process: subprocess.Popen[str], interval: float) -> Peak:
    """Look at a process tree until its root has ended; raises if that failed."""
    peak = Peak()
    over = threading.Event()
    watcher = threading.Thread(target=look, args=(process.pid, peak, over, interval))
    watcher.start()
    try:
        errors = end(process, PATIENCE)
    finally:
        over.set()
        watcher.join()
    if process.returncode:
        raise RuntimeError(f"exit code {process.returncode}: {errors}")
    return peak


def look(root: int, peak: Peak, over: threading.Event, interval: float) -> None:
    """Note the most that a process tree needs, every `interval` seconds until `over` is set."""
    while not over.wait(interval):
        tree = _descendants(root)
        usages = {pid: _usage(pid) for pid in (root, *tree)}
        workers = [usages[pid] for pid in tree]
        dirty = sum(usage.get("Private_Dirty", 0) for usage in workers)
        clean = sum(usage.get("Private_Clean", 0) for usage in workers)
        peak.private = max(peak.private, dirty + clean)
        peak.written = max(peak.written, dirty)
        peak.whole = max(peak.whole, sum(usage.get("Pss", 0) for usage in usages.values()))
        peak.workers = max(peak.workers, len(workers))


def _descendants(root: int) -> list[int]:
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            after_name = path.read_text("utf-8").rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(path.parent.name)] = int(after_name[1])
    found, generation = [], [root]
    while generation:
        generation = [pid for pid, parent in parents.items() if parent in generation]
        found += generation
    return found


def _usage(pid: int) -> dict[str, int]:
    """The fields of smaps_rollup in bytes; empty for a process that has ended."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("utf-8").splitlines()[1:]
    except OSError:
        return {}
    fields = (line.split() for line in lines)
    return {name.rstrip(":"): int(value) * 1024 for name, value, *_ in fields}
