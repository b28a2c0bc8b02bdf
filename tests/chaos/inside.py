"""The harness within the processes under test, by way of LEDGER_CHAOS=chaos.inside.

At every labelled point a draw decides whether this process kills itself. Each process also keeps
an account of what it claimed, did and settled, in lines appended by single writes, which survive
a SIGKILL. history.py compares these accounts with the ledger.
"""

from __future__ import annotations

import fcntl
import json
import os
import select
import signal
import sys
import time
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import PathFinder
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from ledger.process.fault_points import Point

if os.environ.get("CHAOS_SLEEP") == "select":
    # libfaketime 0.9.10 shifts the monotonic deadline that Python sleeps until, even with
    # FAKETIME_DONT_FAKE_MONOTONIC set
    time.sleep = lambda seconds: select.select((), (), (), seconds) and None

FOLDER = Path(os.environ["CHAOS_FOLDER"])
RATES: dict[str, float] = json.loads(os.environ.get("CHAOS_RATES", "{}"))


def _append(name: str) -> int:
    return os.open(FOLDER / name, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)


def _ordinal() -> int:
    """Return this process's ordinal in the round, which seeds its draws."""
    file = _append("processes")
    try:
        fcntl.flock(file, fcntl.LOCK_EX)
        os.write(file, b".")
        return os.fstat(file).st_size
    finally:
        os.close(file)


_ORDINAL = _ordinal()
_chance = Random(f"{os.environ.get('CHAOS_SEED', '')}/{_ORDINAL}")
_account = _append(f"{_ORDINAL:06}-{os.getpid()}.account")


def tell(event: str, **facts: Any) -> None:
    """Write a line into this process's account."""
    line = {"event": event, "at": time.monotonic(), **facts}
    os.write(_account, (json.dumps(line) + "\n").encode())


def strike(name: str) -> None:
    """Perhaps kill this process, as the rate of that name has it."""
    rate = RATES.get(name)
    if rate and _chance.random() < rate:
        file = _append("strikes")
        os.write(file, f"{name}\n".encode())
        os.kill(os.getpid(), signal.SIGKILL)


def reached(point: Point) -> None:
    """A labelled point."""
    strike(point.name)


# -- the account ------------------------------------------------------------------------------

_tokens: dict[int, int] = {}  # job -> token, of what is claimed


def _claimed(worker: int, claim: Any) -> None:
    if claim is not None:
        jobs = [job.id for job in claim.jobs]
        _tokens.update(dict.fromkeys(jobs, claim.token))
        tell("claimed", worker=worker, token=claim.token, jobs=jobs)


def _wrap_store(module: ModuleType) -> None:
    """Record every claim and settlement, before and after."""
    store = module.Claims
    claim, settle = store.claim, store.settle

    def told_claim(self: Any, run: int, worker: int, *args: Any, **more: Any) -> Any:
        taken = claim(self, run, worker, *args, **more)
        _claimed(worker, taken)
        return taken

    def told_settle(
        self: Any, run: int, worker: int, token: int, settlements: Sequence[Any], **more: Any
    ) -> Any:
        jobs = [item.job for item in settlements]
        states = sorted({item.state for item in settlements})
        tell("asked", worker=worker, token=token, jobs=jobs, states=states)
        try:
            taken = settle(self, run, worker, token, settlements, **more)
        except module.StaleLeaseError:
            tell("refused", worker=worker, token=token, jobs=jobs)
            raise
        tell("accepted", worker=worker, token=token, jobs=jobs)
        _claimed(worker, taken)
        return taken

    store.claim, store.settle = told_claim, told_settle


def _wrap_slots(module: ModuleType) -> None:
    """Record every job, from before it is in flight until after it has ended."""
    slot = module.WorkerState
    enter, leave = slot.enter, slot.leave

    def told_enter(self: Any, job: Any) -> None:
        tell("started", worker=self.number, token=_tokens.get(job.id), job=job.id)
        enter(self, job)

    def told_leave(self: Any) -> None:
        leave(self)
        tell("ended", worker=self.number)

    class WorkerState(slot):  # type: ignore[misc, valid-type]
        """The slot, which knows whose it is."""

        def __init__(self, folder: Path, worker: int) -> None:
            super().__init__(folder, worker)
            self.number = worker

        enter, leave = told_enter, told_leave

    module.WorkerState = WorkerState


def _wrap_clock(module: ModuleType) -> None:
    """After a power cut that is only played, the boot is another one nevertheless."""
    boot = os.environ.get("CHAOS_BOOT")
    if boot:
        module.boot_id = lambda: boot


class Wrapping(Loader):
    """Loader that loads a module as usual, and then wraps what is to be recorded."""

    def __init__(self, loader: Any, wrap: Callable[[ModuleType], None]) -> None:
        self._loader = loader
        self._wrap = wrap

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        """As ever."""
        return self._loader.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        """As ever, and then wrap."""
        self._loader.exec_module(module)
        self._wrap(module)


class Finder(MetaPathFinder):
    """Finder of the modules to wrap; this module is imported before they are."""

    WRAPS = {  # noqa: RUF012
        "ledger.process.clock": _wrap_clock, "ledger.process.worker_state": _wrap_slots, "ledger.store.claims": _wrap_store,
    }  # fmt: skip

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> ModuleSpec | None:
        """The module with a loader that wraps it."""
        wrap = self.WRAPS.get(fullname)
        spec = PathFinder.find_spec(fullname, path, target) if wrap else None
        if spec and spec.loader and wrap:
            spec.loader = Wrapping(spec.loader, wrap)
        return spec


for _name, _wrap in Finder.WRAPS.items():
    # a command that comes here from within ledger.store.claims (`status`) claims nothing
    if _name in sys.modules and not sys.modules[_name].__spec__._initializing:  # type: ignore[union-attr]
        _wrap(sys.modules[_name])
sys.meta_path.insert(0, Finder())
