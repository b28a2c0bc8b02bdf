"""The coordinator of a run: starts workers, watches them, restarts the dead, reaps, drains."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ledger.coordinator import cleanup
from ledger.coordinator.recovery import (
    alive,
    job_in_flight,
    recover_dead_workers,
    recover_worker,
)
from ledger.coordinator.throttle import Throttle
from ledger.coordinator.watchdog import Watchdog
from ledger.errors import Exit, LedgerError, Reason
from ledger.jobs import FIRST_QUEUE
from ledger.process import worker_state
from ledger.process.fault_points import Point, reached
from ledger.process.logs import run_log
from ledger.process.wakeup import Wakeup
from ledger.queues.spending import spending

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from structlog.typing import FilteringBoundLogger

    from ledger.project.load import Project
    from ledger.store.claims import KindCount, Store

TICK_SECONDS = 0.05
REAP_SECONDS = 1.0
# Workers that die before they have anything in hand, one after the other, mean that no
# worker can start here; going on would start them for ever.
CRASH_LOOP_LIMIT = 3
TAIL_BYTES = 4096
CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class RunOptions:
    """What `ledger spawn` was asked for."""

    workers: int
    keep_going: bool = False
    cool_down: float = 0.0
    nice: int = 0
    kinds: frozenset[str] | None = None
    queues: frozenset[int] = frozenset()
    throttle: Throttle = field(default_factory=Throttle)


@dataclass(slots=True)
class Child:
    """A worker process of this coordinator. `lifeline` closes when the coordinator is gone."""

    number: int
    process: subprocess.Popen[bytes]
    errors: Path
    after: int  # its id is above that of all workers that were registered before it
    id: int | None = None
    drained: bool = False


@dataclass(slots=True)
class Supervisor:
    """One run from start to end."""

    project: Project
    store: Store
    options: RunOptions
    watch: Callable[[Supervisor], None] = lambda _: None
    run: int = 0
    children: list[Child] = field(default_factory=list)
    interrupted: bool = False
    stopping: bool = False
    deaths: int = 0
    throttled: str | None = None
    _failed_starts: int = 0
    _wakeup: Wakeup = field(default_factory=Wakeup)
    _dead: list[int] = field(default_factory=list)
    _vacant: list[int] = field(default_factory=list)
    _suspects: set[int] = field(default_factory=set)
    _watchdog: Watchdog | None = None
    _called: list[Child] = field(default_factory=list)
    _log: FilteringBoundLogger | None = None

    def supervise(self) -> Exit:
        """Build until everything is done, something failed, or somebody says stop."""
        options = self.options
        queues = None if options.kinds is None else options.queues
        self.run = self.store.start_run(
            options.workers, keep_going=options.keep_going, queues=queues
        )
        self._vacant = list(range(1, self.options.workers + 1))
        outcome = "crashed"
        self._watchdog = Watchdog(self.project)
        try:
            with self._signals(), self._watchdog:
                self._build()
            code = self._exit_code()
            outcome = code.name.lower()
        finally:
            self._kill_all()
            if self._dead:
                cleanup.remove_temporary_files(self.project, alive(self.store))
            self.store.end_run(self.run, outcome)
            self.log.info("run ended", outcome=outcome)
        return code

    def _build(self) -> None:
        last_reap = 0.0
        self._apply_throttle()
        while self._fill_vacancies() or self.children:
            self._wakeup.wait(TICK_SECONDS)
            self._collect()
            self._log_calls()
            if time.monotonic() - last_reap > REAP_SECONDS:
                recover_dead_workers(self.project, self.store, but_of=self.run)
                self._reap_expired()
                self._apply_throttle()
                last_reap = time.monotonic()
            self.watch(self)

    def _fill_vacancies(self) -> bool:
        """Start the workers that are missing, if there is something to do for them.

        No more of them at once than there are cores: twelve that start together on two
        cores are all late, while one that starts alone is at work in a third of a second.
        """
        if self.stopping or not self._vacant or self.store.outlook(self.run).over:
            return False
        starting = sum(self.worker_id(child) is None for child in self.children)
        called: list[Child] = []
        for number in self._vacant[: max(0, CORES - starting)]:
            if self.stopping:  # a signal may come at any time
                break
            self._vacant.remove(number)
            called.append(self._start(number))
            self.children.append(called[-1])
        if self.stopping:  # it came before the new ones were among the children
            self.drain()
        self._called += called
        return True

    def _apply_throttle(self) -> None:
        """Hold claims back for as long as the machine is busy or hot."""
        why = self.options.throttle.why()
        if why != self.throttled:
            self.throttled = why
            self.store.throttle_run(self.run, why)
            self.log.info("held" if why else "going on", why=why)

    def _log_calls(self) -> None:
        """Once they are at work: to open the log takes a tenth of a second of a core."""
        if self._called and all(self.worker_id(child) is not None for child in self.children):
            for child in self._called:
                self.log.info("worker called", worker=child.number, pid=child.process.pid)
            self._called.clear()

    def _exit_code(self) -> Exit:
        if self.interrupted:
            return Exit.INTERRUPTED
        counts = self.counts()
        if any(count.failed for count in counts):
            return Exit.FAILED
        if not any(count.pending or count.running for count in counts):
            return Exit.DONE
        waiting = {count.phase for count in counts if count.pending}
        exhausted = any(
            row["exhausted"] for row in self.store.rows("queues") if row["phase"] in waiting
        )
        return Exit.BUDGET if exhausted else Exit.LOCKED

    def counts(self) -> list[KindCount]:
        """Where the jobs stand that the run is about."""
        kinds, queues = self.options.kinds, self.options.queues
        return [
            count
            for count in self.store.counts()
            if kinds is None
            or (count.kind in kinds if count.phase < FIRST_QUEUE else count.phase in queues)
        ]

    def spending(self) -> tuple[str, ...]:
        """What the queues that the run is about have spent."""
        chosen = [
            row
            for row in self.store.rows("queues")
            if self.options.kinds is None or row["phase"] in self.options.queues
        ]
        return tuple(filter(None, map(spending, chosen)))

    @property
    def worker_count(self) -> int:
        """How many workers were asked for."""
        return self.options.workers

    @property
    def keeps_going(self) -> bool:
        """Whether a failed job does not end the run."""
        return self.options.keep_going

    @property
    def log(self) -> FilteringBoundLogger:
        """The log of the run; opened after the first worker was called, to call it sooner."""
        if self._log is None:
            self._log = run_log(self.project.state, self.run)
        return self._log

    # -- children -----------------------------------------------------------------------

    def _start(self, number: int) -> Child:
        errors = self.project.state / "logs" / f"run-{self.run:05}.worker-{number:02}.stderr"
        errors.parent.mkdir(parents=True, exist_ok=True)
        command = [
            # -P: a json.py in the project's folder is not Python's
            sys.executable, "-P", "-m", "worker", str(self.project.root),
            str(self.run), str(number), str(self.options.cool_down),
        ]  # fmt: skip
        after = self.store.latest_worker()
        with errors.open("ab") as stream:
            process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,  # the lifeline: it ends when the coordinator does
                stdout=stream,
                stderr=stream,
                env=worker_environment(),
                cwd=self.project.root,
            )
        if self.options.nice:
            os.setpriority(os.PRIO_PROCESS, process.pid, self.options.nice)
        reached(Point.WORKER_CALLED)
        return Child(number, process, errors, after)

    def _collect(self) -> None:
        """Look after the workers that have ended."""
        for child in [child for child in self.children if child.process.poll() is not None]:
            self.children.remove(child)
            if child.process.stdin:
                child.process.stdin.close()
            worker = self.worker_id(child)
            if child.process.returncode == 0 and self._has_left(worker):
                self._forget(child, worker)
                self._drain_idle()
            elif child.drained and child.process.returncode == -signal.SIGTERM:
                self._forget_drained(child, worker)
            else:
                self._recover_worker(child, worker)

    def _drain_idle(self) -> None:
        """One has left since there is nothing more to do: the idle need not find that out."""
        if self.children and self.store.outlook(self.run).over:
            for child in self.children:
                child.drained = True
                child.process.terminate()

    def _forget_drained(self, child: Child, worker: int | None) -> None:
        """Drained before it could handle the signal: no job was in flight."""
        if worker is not None:
            self._recover(worker, "finished", Reason("drained"))
        self._forget(child, worker)

    def _recover(self, worker: int, outcome: str, reason: Reason, *, charge: bool = False) -> None:
        recover_worker(
            self.project, self.store, worker,
            outcome=outcome, reason=reason, run=self.run, charge=charge,
        )  # fmt: skip

    def worker_id(self, child: Child) -> int | None:
        """The id under which the worker registered itself, if it has got that far."""
        if child.id is None:
            pid = child.process.pid
            child.id = self.store.worker_of_process(self.run, pid, child.after)
        return child.id

    def _has_left(self, worker: int | None) -> bool:
        """Whether the worker noted its own end; else a job ended it, whatever its exit code."""
        return worker is not None and worker not in alive(self.store)

    def _forget(self, child: Child, worker: int | None) -> None:
        if worker is not None:
            worker_state.remove(self._slots, worker)
        if child.errors.exists() and child.errors.stat().st_size == 0:
            child.errors.unlink()

    def _recover_worker(self, child: Child, worker: int | None) -> None:
        """A worker died: take back what it held, charge the job it was at, start another."""
        self.deaths += not self.interrupted
        self.log.warning("worker died", worker=child.number, code=child.process.returncode)
        reached(Point.WORKER_DEAD)
        at_work = worker_state.in_flight(self._slots, worker) if worker is not None else None
        cause = _cause(child.process.returncode)
        held = worker is not None and bool(self.store.rows("leases_of", worker=worker))
        if worker is not None:
            # a worker that we were told to stop at once says nothing against its job
            charge = at_work is not None and bool(at_work.job) and not self.interrupted
            evicted = self._watchdog is not None and worker in self._watchdog.evicted
            reason = self._silence() if evicted else _death(cause, child)
            self._recover(worker, cause, reason, charge=charge)
            self._dead.append(worker)
        # an exception while it settled would come again for ever
        crashed = child.process.returncode >= 0
        came_to_work = at_work is not None and (at_work.finished or held)
        fruitful = at_work is not None and (at_work.job or (came_to_work and not crashed))
        self._failed_starts = 0 if fruitful else self._failed_starts + 1
        if self._failed_starts >= CRASH_LOOP_LIMIT and not self.interrupted:
            raise LedgerError(
                f"workers cannot start: {cause}",
                context=_tail(child.errors) or f"nothing in {child.errors}",
                remedy="mend what the lines above name; `ledger spawn` then goes on from here",
            )
        self._vacant.append(child.number)

    def _reap_expired(self) -> None:
        """Take back what is held beyond its lease by workers of other coordinators.

        At the second look, and not before the warden has ended a worker that was still there.
        """
        suspects, self._suspects = self._suspects, self.store.expired()
        suspects = {token for token in suspects if self._is_out_of_the_way(token)}
        if not suspects:
            return

        def job_of(worker: int) -> int | None:
            return job_in_flight(self.project, worker)

        silent = self.store.reap_expired(self.run, suspects, job_of, self._silence())
        if silent:
            self.log.warning("leases reaped", workers=silent)

    def _is_out_of_the_way(self, token: int) -> bool:
        worker = self.store.expired_leases().get(token)
        if worker is None:
            return False
        unreachable = self._watchdog is not None and worker in self._watchdog.unreachable
        return unreachable or not worker_state.is_alive(self._slots, worker)

    def _silence(self) -> Reason:
        return Reason(
            "the worker gave no sign of life for longer than its lease, and was ended",
            context=f"lease of {self.project.settings.workers.lease_seconds:g} s",
            remedy="find out what the job waits for; a longer [workers] lease_seconds helps "
            "where a single step takes long",
        )

    @property
    def _slots(self) -> Path:
        return self.project.state / "workers"

    # -- the end ------------------------------------------------------------------------

    def drain(self) -> None:
        """No new claims; the jobs in hand are finished."""
        self.stopping = True
        for child in self.children:
            child.process.terminate()

    def _kill_all(self) -> None:
        for child in self.children:
            child.process.kill()
        for child in self.children:
            child.process.wait()
            worker = self.worker_id(child)
            if worker is not None:
                self._recover(worker, "stopped", Reason("stopped"))
                self._dead.append(worker)
        self.children.clear()

    @contextmanager
    def _signals(self) -> Iterator[None]:
        """First Ctrl+C or SIGTERM: drain. A second signal, one of the two a Ctrl+C: stop at once.

        Of two that come together Python tells the lower number first, whichever was sent first.
        """
        seen: set[int] = set()

        def stop(number: int, _: FrameType | None) -> None:
            seen.add(number)
            if self.interrupted and signal.SIGINT in seen:
                for child in self.children:
                    child.process.kill()
            self.interrupted = True
            self.drain()
            self._wakeup.notify()

        def wake(_: int, __: FrameType | None) -> None:
            self._wakeup.notify()

        handlers = {signal.SIGINT: stop, signal.SIGTERM: stop, signal.SIGCHLD: wake}
        if threading.current_thread() is not threading.main_thread():
            handlers = {}  # as a library in a thread: signals are the program's own business
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def worker_environment() -> dict[str, str]:
    """One numeric thread a worker: they share the cores among themselves already."""
    single = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
    return {**os.environ, **dict.fromkeys(single, "1"), "TOKENIZERS_PARALLELISM": "false"}


def _cause(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return f"killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"killed by signal {-code}"


def _death(cause: str, child: Child) -> Reason:
    hint = "the kernel may have needed its memory: see `dmesg`" if "SIGKILL" in cause else ""
    return Reason(
        f"the worker died while it was at this job: {cause}",
        context="; ".join(filter(None, [hint, _tail(child.errors)])) or "it left no message",
        remedy="find out what this job does that kills a process (memory? a template that never "
        "ends?), mend it, then `ledger retry --failed` and `ledger spawn`",
    )


def _tail(path: Path, lines: int = 5) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
        return "\n".join(text.strip().splitlines()[-lines:])
    except OSError:
        return ""
