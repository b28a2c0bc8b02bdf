"""Process groups under fire: who is in them, killing some, and letting none survive."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

PROC = Path("/proc")
SUBREAPER = 36  # PR_SET_CHILD_SUBREAPER
DEAD, STOPPED = "ZX", "Tt"
FORK_SECONDS = 0.5


class Hung(Exception):  # noqa: N818  that is what it is
    """A command did not come to its end; what it was doing was ended."""


class Seen(NamedTuple):
    """A process as /proc shows it."""

    pid: int
    state: str
    parent: int
    group: int


def seen(pid: int) -> Seen | None:
    """A process, or None when there is none of that number."""
    try:
        text = (PROC / str(pid) / "stat").read_text("ascii", "replace")
    except OSError:
        return None
    state, parent, group = text.rpartition(")")[2].split()[:3]
    return Seen(pid, state, int(parent), int(group))


def all_processes() -> list[Seen]:
    """Every process there is."""
    pids = [int(path.name) for path in PROC.iterdir() if path.name.isdigit()]
    return [found for found in map(seen, pids) if found]


def children(pid: int) -> list[Seen]:
    """Those that a process is the parent of."""
    try:
        text = (PROC / str(pid) / "task" / str(pid) / "children").read_text("ascii")
    except OSError:
        return []
    return [found for found in map(seen, map(int, text.split())) if found]


def adopt_orphans() -> None:
    """Become the parent of workers whose coordinator died, in order to reap them."""
    ctypes.CDLL(None).prctl(SUBREAPER, 1, 0, 0, 0)


@dataclass
class Commands:
    """The commands that a round started, each the leader of a process group."""

    leaders: dict[int, subprocess.Popen[bytes]] = field(default_factory=dict)
    kills: int = 0

    def start(
        self, command: list[str], environment: dict[str, str], folder: Path, output: Path
    ) -> subprocess.Popen[bytes]:
        """Start a command; both of its streams go to the end of a file."""
        with output.open("ab") as stream:
            process = subprocess.Popen(
                command, cwd=folder, env=environment, stdin=subprocess.DEVNULL,
                stdout=stream, stderr=stream, start_new_session=True,
            )  # fmt: skip
        self.leaders[process.pid] = process
        return process

    def living(self) -> list[Seen]:
        """All that live of all groups, by pid; orphans are this process's own children."""
        own = children(os.getpid())
        found = [*own, *(child for leader in self._running() for child in children(leader))]
        return sorted(one for one in found if one.group in self.leaders and one.state not in DEAD)

    def _running(self) -> list[int]:
        return [pid for pid, process in self.leaders.items() if process.poll() is None]

    def workers(self) -> list[int]:
        """All that live and lead no group: also those that a dead coordinator left behind."""
        return [found.pid for found in self.living() if found.pid not in self.leaders]

    def kill(self, pid: int) -> bool:
        """SIGKILL one process; counts it if it was alive."""
        found = seen(pid)
        if found is None or found.state in DEAD or found.group not in self.leaders:
            return False
        os.kill(pid, signal.SIGKILL)
        self.kills += 1
        return True

    def kill_group(self, leader: int) -> int:
        """SIGKILL a coordinator and its workers at once; returns how many that were."""
        victims = [found for found in self.living() if found.group == leader]
        with suppress(ProcessLookupError):
            os.killpg(leader, signal.SIGKILL)
        self.kills += len(victims)
        return len(victims)

    def signal(self, pid: int, number: signal.Signals) -> bool:
        """Send another signal to one process, if it is there still."""
        found = seen(pid)
        if found is None or found.state in DEAD or found.group not in self.leaders:
            return False
        os.kill(pid, number)
        return True

    @contextmanager
    def standing_still(self) -> Iterator[None]:
        """Stop everybody for as long as the block lasts."""
        halted: set[int] = set()
        while moving := {found.pid for found in self.living()} - halted:
            for pid in moving:
                self.signal(pid, signal.SIGSTOP)
            halted |= moving
        try:
            started = time.monotonic()
            wait_until(
                lambda: all(_stands(pid, started) for pid in halted), 10.0, "all to stand still"
            )
            yield
        finally:
            for pid in halted:
                self.signal(pid, signal.SIGCONT)

    def end(self) -> None:
        """Kill all remaining processes, without counting these as kills."""
        for leader in self.leaders:
            with suppress(ProcessLookupError):
                os.killpg(leader, signal.SIGKILL)
        for process in self.leaders.values():
            process.wait()
        self._recover_worker()
        self.leaders.clear()

    def _recover_worker(self) -> None:
        own = os.getpid()
        for _ in range(200):
            left = [found for found in all_processes() if found.group in self.leaders]
            for found in left:
                if found.parent == own and found.state in DEAD:
                    with suppress(ChildProcessError):
                        os.waitpid(found.pid, os.WNOHANG)
            if not left:
                return
            time.sleep(0.005)


def _stands(pid: int, since: float) -> bool:
    """Whether it is stopped; or cannot be, since the child it forks was stopped before its exec."""
    found = seen(pid)
    if found is None or found.state in STOPPED or found.state in DEAD:
        return True
    return found.state == "D" and time.monotonic() - since > FORK_SECONDS


def wait_until(condition: Callable[[], bool], patience: float, what: str) -> None:
    """Wait for a state that other processes reach.

    Raises:
        Hung: they did not reach it in time.
    """
    deadline = time.monotonic() + patience
    while not condition():
        if time.monotonic() > deadline:
            raise Hung(f"waited for {patience:g} s in vain for {what}")
        time.sleep(0.005)
