"""Power cuts: a consistent copy of everything, less what had not reached the disk."""

from __future__ import annotations

import shutil
import struct
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from chaos.damage import OF_THE_SAME_SIZE, files, spoil
from chaos.processes import Commands
from chaos.rounds import Keeper, Round, Storm
from chaos.site import Shape

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from chaos.site import Site

WAL_HEADER, FRAME_HEADER = 32, 24
LOST = ("delete", "empty", "truncate", *OF_THE_SAME_SIZE)


class Power(Storm):
    """Power cuts while it builds: files short, empty, zeroed or gone, the WAL cut; then on from there."""

    name = "power"
    shape = Shape(pages=500, effects=40, pause=0.015)
    rounds = 4
    cuts = 3
    small = {"shape": Shape(pages=120, effects=10, early=8, pause=0.015), "cuts": 1}  # noqa: RUF012

    def run(self, it: Round) -> None:
        """Cut the power at random instants and after the end, with a run before it or without."""
        random, site = it.random(), it.site(self.shape)
        began = time.time()
        cuts = sorted(
            random.randrange(self.shape.pages // 8, self.shape.pages) for _ in range(self.cuts)
        )
        self._run_before(it, site, cuts[0] // 2)
        keeper = Keeper(it, site)
        copies = []
        for number, pages in enumerate(cuts):
            built(site, pages, keeper)
            copies.append(self._freeze(it, site, f"cut-{number}", random, began))
        keeper.finish()
        copies.append(self._freeze(it, site, "after-the-end", random, began))
        it.judge(site, self.shape)
        for copy in copies:
            self._resume(it, copy)

    def _run_before(self, it: Round, site: Site, pages: int) -> None:
        """None, or one that was killed, or one that ended well: its files are no safer for that."""
        if it.number % 3 == 1:
            leader = site.start("spawn", it.workers, "--quiet")
            built(site, pages)
            site.commands.kill_group(leader)
        elif it.number % 3 == 2:
            it.succeed(site, "spawn", it.workers, "--quiet", "--only", "chaos-early")

    def _freeze(self, it: Round, site: Site, name: str, random: Random, began: float) -> Site:
        """Copy the ledger while all processes are stopped, and drop from the copy what was not synced."""
        root = it.folder / name
        with site.commands.standing_still():
            shutil.copytree(site.root, root, symlinks=True)
        copy = replace(site, root=root, commands=Commands())
        it.expect_whole(copy, self.shape)
        went_dark(copy, random, began)
        it.tally.faults += 1
        return copy

    def _resume(self, it: Round, copy: Site) -> None:
        it.enrol(copy, CHAOS_BOOT=f"after {copy.root.name}")
        Keeper(it, copy).finish()
        it.judge(copy, self.shape, accounts=False)


def built(site: Site, pages: int, keeper: Keeper | None = None) -> None:
    """Wait until that many pages exist, or all is done."""
    folder = site.root / "site" / "page"
    while len(files(folder)) < pages and not (keeper and keeper.done):
        time.sleep(0.005)


def went_dark(site: Site, random: Random, began: float) -> None:
    """Take from a copy what a power cut may take: all that was never synced."""
    wal, shm = (site.ledger_path.with_name(f"ledger.db-{name}") for name in ("wal", "shm"))
    if wal.exists() and wal.stat().st_size > WAL_HEADER and random.random() < 0.8:
        cut_wal(wal, synced_frames(shm), random)
    shm.unlink(missing_ok=True)
    synced = began + random.random() * (time.time() - began) if random.random() < 0.5 else began
    share = random.choice((0.05, 0.3, 0.9))
    for path in files(site.root / "site"):
        if path.stat().st_mtime >= synced and random.random() < share:
            spoil(path, random.choice(LOST), random)


def synced_frames(shm: Path) -> int:
    """Return the number of frames of the WAL that must have reached the disk.

    A checkpoint syncs the WAL before it copies the first of its frames into the file, so those
    that it has begun to copy cannot be lost. (WalCkptInfo in SQLite's wal.c.)
    """
    data = shm.read_bytes()
    copied, attempted = (
        struct.unpack_from("=I", data, 96)[0],
        struct.unpack_from("=I", data, 128)[0],
    )
    return max(copied, attempted)


def cut_wal(wal: Path, synced: int, random: Random) -> None:
    """Cut it after a frame, or within one, or leave a hole of zeros in one."""
    data = wal.read_bytes()
    page_bytes = struct.unpack_from(">I", data, 8)[0]
    frame = FRAME_HEADER + (65536 if page_bytes == 1 else page_bytes)
    frames = (len(data) - WAL_HEADER) // frame
    if frames <= synced:
        return
    keep = random.randrange(synced, frames)
    end = WAL_HEADER + keep * frame
    way = random.choice(("after a frame", "within a frame", "a hole"))
    if way == "a hole":
        wal.write_bytes(data[:end] + bytes(frame) + data[end + frame :])
    else:
        wal.write_bytes(data[: end + (random.randrange(frame) if way == "within a frame" else 0)])
