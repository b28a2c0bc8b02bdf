"""Baseline of writing: a number of bytes into new files, by several processes at once."""

from __future__ import annotations

import os
import shutil
import time
from multiprocessing import get_context
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path


def plain_write(folder: Path, sizes: Sequence[int], processes: int) -> float:
    """The seconds from the first byte to the last; nothing else is done, and nothing flushed."""
    folder.mkdir(parents=True)
    os.sync()
    context = get_context("spawn")
    barrier, times = context.Barrier(processes), context.Queue()
    children = [
        context.Process(
            target=_write, args=(str(folder), number, sizes[number::processes], barrier, times)
        )
        for number in range(processes)
    ]
    for child in children:
        child.start()
    pairs = [times.get() for _ in children]
    for child in children:
        child.join()
    shutil.rmtree(folder)
    return float(max(end for _, end in pairs) - min(start for start, _ in pairs))


def _write(folder: str, number: int, sizes: Sequence[int], barrier: Any, times: Any) -> None:
    data = memoryview(os.urandom(max(sizes)))
    barrier.wait()
    start = time.monotonic()
    for index, size in enumerate(sizes):
        file = os.open(f"{folder}/{number}-{index}", os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
        rest = data[:size]
        while rest:
            rest = rest[os.write(file, rest) :]
        os.close(file)
    times.put((start, time.monotonic()))
