"""A disk that is full, or read-only, or has something in the way."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chaos.rounds import Round, Storm, tail
from chaos.site import Shape

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chaos.site import Site

LITTLE, MUCH = "500k", "256m"


def mount(*arguments: object) -> bool:
    """Call `mount`; whether it worked."""
    return not subprocess.run(
        ["mount", *map(str, arguments)], check=False, capture_output=True
    ).returncode


class Disk(Storm):
    """A full disk, a read-only one, a file where a folder should be; then the cure."""

    name = "disk"
    shape = Shape(pages=400, effects=40, early=10, pause=0.002)
    rounds = least_rounds = 6

    def obstacle(self) -> str:
        """It takes the right to mount."""
        if os.geteuid() != 0:
            return "needs root, to mount a small disk"
        folder = "/tmp/ledger-chaos-probe"
        os.makedirs(folder, exist_ok=True)  # noqa: PTH103
        works = mount("-t", "tmpfs", "-o", "size=64k", "tmpfs", folder)
        if works:
            subprocess.run(["umount", folder], check=False)
        os.rmdir(folder)  # noqa: PTH106
        return "" if works else "mount -t tmpfs is not allowed here"

    def run(self, it: Round) -> None:
        """One of six preflight: fail clearly, be cured, end right."""
        preflight = (
            self._full, self._read_only, self._read_only_midway, self._file_in_the_way,
            self._full_with_ledger, self._read_only_with_ledger,
        )  # fmt: skip
        preflight[it.number % len(preflight)](it)
        it.tally.faults += 1

    def _cured(self, it: Round, site: Site) -> None:
        it.succeed(site, "retry", "--failed")
        it.succeed(site, "spawn", it.workers, "--quiet")
        it.judge(site, self.shape, falls=True)

    def _full(self, it: Round) -> None:
        site = it.site(self.shape)
        with tmpfs(site.root / "site", LITTLE):
            it.report(site, "spawn", it.workers, "--quiet")
            mount("-o", f"remount,size={MUCH}", site.root / "site")
            self._cured(it, site)

    def _read_only(self, it: Round) -> None:
        site = it.site(self.shape)
        with tmpfs(site.root / "site", MUCH):
            mount("-o", "remount,ro", site.root / "site")
            it.report(site, "spawn", it.workers, "--quiet", codes=(1, 2))
            mount("-o", "remount,rw", site.root / "site")
            self._cured(it, site)

    def _read_only_midway(self, it: Round) -> None:
        site = it.site(self.shape)
        with tmpfs(site.root / "site", MUCH):
            leader = site.start("spawn", it.workers, "--quiet")
            while not any((site.root / "site").rglob("page/*/*.txt")):
                time.sleep(0.01)
            while not mount("-o", "remount,ro", site.root / "site"):
                time.sleep(0.001)  # a file is open for writing
            code = site.wait(leader)
            said = site.said.read_text("utf-8", "replace")
            it.expect(code == 1, "exit", f"spawn ended with {code}: {tail(said)}")
            it.expect("remedy" in said, "report", tail(said))
            mount("-o", "remount,rw", site.root / "site")
            self._cured(it, site)

    def _file_in_the_way(self, it: Round) -> None:
        site = it.site(self.shape)
        (site.root / "site").mkdir()
        (site.root / "site" / "page").write_text("in the way")
        it.report(site, "spawn", it.workers, "--quiet")
        (site.root / "site" / "page").unlink()
        self._cured(it, site)

    def _full_with_ledger(self, it: Round) -> None:
        with tmpfs(it.folder / "disk", MUCH) as disk:
            site = self._inside_of(it, disk)
            ballast = disk / "ballast"
            with ballast.open("wb") as file:
                room = shutil.disk_usage(disk).free - 300_000
                os.posix_fallocate(file.fileno(), 0, room)
            it.report(site, "spawn", it.workers, "--quiet", codes=(1, 2))
            ballast.unlink()
            self._cured(it, site)
            site.commands.end()

    def _read_only_with_ledger(self, it: Round) -> None:
        with tmpfs(it.folder / "disk", MUCH) as disk:
            site = self._inside_of(it, disk)
            mount("-o", "remount,ro", disk)
            it.report(site, "spawn", it.workers, "--quiet", codes=(1, 2))
            mount("-o", "remount,rw", disk)
            self._cured(it, site)
            site.commands.end()

    def _inside_of(self, it: Round, disk: Path) -> Site:
        site = it.site(self.shape, "disk/project")
        site.elsewhere = it.folder
        return site


@contextmanager
def tmpfs(folder: Path, size: str) -> Iterator[Path]:
    """A small disk for as long as the block lasts."""
    folder.mkdir(parents=True, exist_ok=True)
    if not mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", folder):
        raise RuntimeError(f"cannot mount a tmpfs at {folder}")
    try:
        yield folder
    finally:
        for _ in range(50):
            if not subprocess.run(
                ["umount", str(folder)], check=False, capture_output=True
            ).returncode:
                break
            time.sleep(0.05)
        else:
            subprocess.run(["umount", "-l", str(folder)], check=False)
