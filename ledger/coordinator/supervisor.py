"""The coordinator of a run: starts workers, watches them, replaces dead ones, reaps, drains."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ledger.coordinator.crash_loop import CrashLoop
from ledger.coordinator.throttle import Throttle
from ledger.coordinator.watchdog import Watchdog
from ledger.engines import Engine, WorkerCommand, find_engine
from ledger.errors import Exit, LedgerError, Reason
from ledger.jobs import FIRST_QUEUE
from ledger.process import worker_state
from ledger.process.fault_points import Point, reached
from ledger.process.logs import run_log
from ledger.process.wakeup import Wakeup
from ledger.recovery import cleanup
from ledger.recovery.workers import (
    alive,
    job_in_flight,
    recover_dead_workers,
    recover_worker,
)
from ledger.store.queues import all_queues

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

    from structlog.typing import FilteringBoundLogger

    from ledger.engines import RunningWorker
    from ledger.project.load import Project
    from ledger.store.reports import KindCount
    from ledger.store.rows import QueueRow
    from ledger.store.store import Store

TICK_SECONDS = 0.05
REAP_SECONDS = 1.0
TAIL_BYTES = 4096
CORES = os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class RunOptions:
    """Options of `ledger spawn` that concern the run itself."""

    workers: int
    keep_going: bool = False
    cool_down: float = 0.0
    nice: int = 0
    kinds: frozenset[str] | None = None
    queues: frozenset[int] = frozenset()
    throttle: Throttle = field(default_factory=Throttle)
    engine: Engine = field(default_factory=lambda: find_engine("local"))


@dataclass(slots=True)
class Child:
    """A worker of this coordinator; `drained`: it was asked to leave since no job is left."""

    number: int
    process: RunningWorker
    errors: Path
    after: int  # its id is greater than those of all workers that registered before its start
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
    _crash_loop: CrashLoop = field(default_factory=lambda: CrashLoop(1, 0))
    _wakeup: Wakeup = field(default_factory=Wakeup)
    _dead: list[int] = field(default_factory=list)
    _vacant: list[int] = field(default_factory=list)
    _suspects: set[int] = field(default_factory=set)
    _watchdog: Watchdog | None = None
    _called: list[Child] = field(default_factory=list)
    _log: FilteringBoundLogger | None = None

    def supervise(self) -> Exit:
        """Run until every job is settled, one failed, or a signal asks for the end."""
        options = self.options
        queues = None if options.kinds is None else options.queues
        self.run = self.store.start_run(
            options.workers, keep_going=options.keep_going, queues=queues
        )
        self._vacant = list(range(1, options.workers + 1))
        self._crash_loop = CrashLoop(min(options.workers, CORES), self._settled())
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
        """Start the workers that are missing; return whether there is work left for any.

        At most as many at once as there are cores: twelve that start together on two cores are
        all slow, while one that starts alone is at work in a third of a second.
        """
        if self.stopping or not self._vacant or self.store.outlook(self.run).over:
            return False
        if self._crash_loop.is_waiting(time.monotonic()) and self._are_at_work():
            return True
        starting = sum(self.worker_id(child) is None for child in self.children)
        called: list[Child] = []
        for number in self._vacant[: max(0, CORES - starting)]:
            if self.stopping:  # a signal may come at any time
                break
            self._vacant.remove(number)
            called.append(self._start(number))
            self.children.append(called[-1])
        if self.stopping:  # the signal came before the new workers were among the children
            self.drain()
        self._called += called
        return True

    def _apply_throttle(self) -> None:
        """Prevent new claims for as long as a limit of the throttle is exceeded."""
        why = self.options.throttle.why()
        if why != self.throttled:
            self.throttled = why
            self.store.throttle_run(self.run, why)
            self.log.info("throttled" if why else "resumed", why=why)

    def _log_calls(self) -> None:
        """Log the starts once all are at work: opening the log takes a core a tenth of a second."""
        if self._called and all(self.worker_id(child) is not None for child in self.children):
            for child in self._called:
                process = child.process
                self.log.info(
                    "worker called", worker=child.number, pid=process.pid, host=process.host
                )
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
        exhausted = any(row.exhausted for row in all_queues(self.store) if row.phase in waiting)
        return Exit.BUDGET if exhausted else Exit.LOCKED

    def counts(self) -> list[KindCount]:
        """Counts of the jobs that the run is about, by kind and state."""
        kinds, queues = self.options.kinds, self.options.queues
        return [
            count
            for count in self.store.counts()
            if kinds is None
            or (count.kind in kinds if count.phase < FIRST_QUEUE else count.phase in queues)
        ]

    def queues(self) -> list[QueueRow]:
        """The queues that the run is about."""
        return [
            row
            for row in all_queues(self.store)
            if self.options.kinds is None or row.phase in self.options.queues
        ]

    @property
    def worker_count(self) -> int:
        """Number of workers asked for."""
        return self.options.workers

    @property
    def keeps_going(self) -> bool:
        """Whether a failed job does not end the run."""
        return self.options.keep_going

    @property
    def log(self) -> FilteringBoundLogger:
        """The log of the run, opened after the first worker was started: that one starts sooner."""
        if self._log is None:
            self._log = run_log(self.project.state, self.run)
        return self._log

    # -- children -----------------------------------------------------------------------

    def _start(self, number: int) -> Child:
        errors = self.project.state / "logs" / f"run-{self.run:05}.worker-{number:02}.stderr"
        after = self.store.latest_worker()
        process = self.options.engine.start(self._command(number, errors))
        reached(Point.WORKER_CALLED)
        return Child(number, process, errors, after)

    def _command(self, number: int, errors: Path) -> WorkerCommand:
        arguments = (
            # -P: a json.py in the project's folder is not Python's
            sys.executable, "-P", "-m", "worker", str(self.project.root),
            str(self.run), str(number), str(self.options.cool_down),
        )  # fmt: skip
        return WorkerCommand(
            arguments, worker_environment(), self.project.root, errors, self.options.nice
        )

    def _collect(self) -> None:
        """Handle the workers that have ended: clean exit, drained before it began, or death."""
        ended = [(child, child.process.exit_code()) for child in self.children]
        for child, code in ended:
            if code is None:
                continue
            self.children.remove(child)
            child.process.release()
            worker = self.worker_id(child)
            if code == 0 and self._has_left(worker):
                self._forget(child, worker)
                self._drain_idle()
            elif child.drained and code == -signal.SIGTERM:
                self._forget_drained(child, worker)
            else:
                self._replace_dead(child, worker, code)

    def _drain_idle(self) -> None:
        """Drain the idle workers when no job is left, so that none has to find out by itself."""
        if self.children and self.store.outlook(self.run).over:
            for child in self.children:
                child.drained = True
                child.process.drain()

    def _forget_drained(self, child: Child, worker: int | None) -> None:
        """Recover a worker that SIGTERM ended before it could handle it: no job was in flight."""
        if worker is not None:
            self._recover(worker, "finished", Reason("drained"))
        self._forget(child, worker)

    def worker_id(self, child: Child) -> int | None:
        """Return the id under which the worker registered itself; None if it has not yet."""
        if child.id is None:
            child.id = self.store.worker_of_number(self.run, child.number, child.after)
        return child.id

    def _has_left(self, worker: int | None) -> bool:
        """Whether the worker recorded its own end; else a job ended it, whatever its exit code."""
        return worker is not None and worker not in alive(self.store)

    def _forget(self, child: Child, worker: int | None) -> None:
        if worker is not None:
            worker_state.remove(self._slots, worker)
        if child.errors.exists() and child.errors.stat().st_size == 0:
            child.errors.unlink()

    # -- dead workers -------------------------------------------------------------------

    def _replace_dead(self, child: Child, worker: int | None, code: int) -> None:
        """Recover a worker that died, charge the attempt to its job, and start another worker."""
        self.deaths += not self.interrupted
        self.log.warning("worker died", worker=child.number, code=code)
        reached(Point.WORKER_DEAD)
        job = job_in_flight(self.project, worker) if worker is not None else None
        held_jobs = worker is not None and self._has_begun(worker)
        if worker is not None:
            # a worker that a second interrupt ended is no evidence against its job
            charge = job is not None and not self.interrupted
            self._recover(worker, _cause(code), self._death(child, worker, code), charge=charge)
            self._dead.append(worker)
        if job is not None or (held_jobs and code < 0):
            self._crash_loop.reset()
        elif held_jobs:
            self._crash_loop.add_failed_settlement()
        else:
            self._crash_loop.add_failed_start(
                settled=self._settled(), others_at_work=self._are_at_work(), now=time.monotonic()
            )
        if self._crash_loop.is_certain and not self.interrupted:
            raise LedgerError(
                f"workers cannot start: {_cause(code)}",
                context=_tail(child.errors) or f"nothing in {child.errors}",
                remedy="fix what the lines above name; `ledger spawn` then continues from here",
            )
        self._vacant.append(child.number)

    def _recover(self, worker: int, outcome: str, reason: Reason, *, charge: bool = False) -> None:
        recover_worker(
            self.project, self.store, worker,
            outcome=outcome, reason=reason, run=self.run, charge=charge,
        )  # fmt: skip

    def _has_begun(self, worker: int) -> bool:
        """Whether a worker has held a job, and so was able to start."""
        at_work = worker_state.in_flight(self._slots, worker)
        return at_work is not None and bool(
            at_work.job or at_work.finished or self.store.reaper.leases_of(worker)
        )

    def _are_at_work(self) -> bool:
        ids = map(self.worker_id, self.children)
        return any(worker is not None and self._has_begun(worker) for worker in ids)

    def _settled(self) -> int:
        return sum(count.done + count.failed for count in self.store.counts())

    def _death(self, child: Child, worker: int, code: int) -> Reason:
        if self._watchdog is not None and worker in self._watchdog.evicted:
            return self._silence()
        return _death(_cause(code), child)

    def _reap_expired(self) -> None:
        """Reap the leases that expired under workers of other coordinators.

        Only at the second check, and after the watchdog has ended a worker that was still alive.
        """
        suspects, self._suspects = self._suspects, self.store.expired()
        suspects = {token for token in suspects if self._is_dead_or_unreachable(token)}
        if not suspects:
            return

        def job_of(worker: int) -> int | None:
            return job_in_flight(self.project, worker)

        silent = self.store.reap_expired(self.run, suspects, job_of, self._silence())
        if silent:
            self.log.warning("leases reaped", workers=silent)

    def _is_dead_or_unreachable(self, token: int) -> bool:
        worker = self.store.expired_leases().get(token)
        if worker is None:
            return False
        unreachable = self._watchdog is not None and worker in self._watchdog.unreachable
        return unreachable or not worker_state.is_alive(self._slots, worker)

    def _silence(self) -> Reason:
        return Reason(
            "the worker sent no heartbeat for longer than its lease, and was killed",
            context=f"lease of {self.project.settings.workers.lease_seconds:g} s",
            remedy="find out what the job waits for; if a single step takes that long, raise "
            "[workers] lease_seconds",
        )

    @property
    def _slots(self) -> Path:
        return self.project.state / "workers"

    # -- the end ------------------------------------------------------------------------

    def drain(self) -> None:
        """Ask every worker to finish the job in flight, claim no other, and exit."""
        self.stopping = True
        for child in self.children:
            child.process.drain()

    def _kill_all(self) -> None:
        """Kill and recover the workers that are left when the run ends early."""
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

        Of two that come together Python handles the lower number first, whichever was sent first.
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
            handlers = {}  # as a library in a thread: the program handles its signals
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def worker_environment() -> dict[str, str]:
    """Environment of a worker: one numeric thread, since the workers share the cores already."""
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
        f"the worker died while it ran this job: {cause}",
        context="; ".join(filter(None, [hint, _tail(child.errors)])) or "it left no message",
        remedy="find out what this job does that kills a process (memory? a template that never "
        "ends?), fix it, then `ledger retry --failed` and `ledger spawn`",
    )


def _tail(path: Path, lines: int = 5) -> str:
    try:
        with path.open("rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - TAIL_BYTES))
            text = file.read().decode("utf-8", "replace")
        return "\n".join(text.strip().splitlines()[-lines:])
    except OSError:
        return ""
