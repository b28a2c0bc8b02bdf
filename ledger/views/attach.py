"""`ledger attach`: watch a run that another process coordinates."""

from __future__ import annotations

import signal
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ledger.errors import Exit, LedgerError
from ledger.process.wakeup import Wakeup
from ledger.project.lock import coordinator_lives
from ledger.store.queues import all_queues
from ledger.store.store import Store
from ledger.text import counted
from ledger.views.choose import make_view
from ledger.views.meter import RemoteMeter, read_run

if TYPE_CHECKING:
    from ledger.project.load import Project
    from ledger.store.reports import KindCount
    from ledger.store.rows import QueueRow
    from ledger.views.snapshot import Snapshot

WATCH_SECONDS = 0.25


@dataclass(slots=True)
class RemoteWorker:
    """A worker of a run that another process coordinates."""

    id: int
    number: int


class RemoteRun:
    """The latest run in a ledger, as it is when this is made; see `meter.Watched`."""

    def __init__(self, project: Project, store: Store) -> None:
        self.project, self.store = project, store
        self.interrupted, self.deaths = False, 0
        self._run = run = read_run(store)
        self.going_on = run is not None and run.ended_at is None and coordinator_lives(project)
        self.throttled = run.throttled if run is not None and self.going_on else None
        self.children = [
            RemoteWorker(row.id, row.number)
            for row in (store.runs.open_workers() if self.going_on else ())
            if run is not None and row.run == run.id
        ]

    @property
    def worker_count(self) -> int:
        """How many workers were asked for."""
        return 1 if self._run is None else self._run.workers

    @property
    def keeps_going(self) -> bool:
        """Whether a failed job does not end it."""
        return self._run is not None and bool(self._run.keep_going)

    def counts(self) -> list[KindCount]:
        """All jobs, counted by kind and state."""
        return self.store.counts()

    def queues(self) -> list[QueueRow]:
        """All queues."""
        return all_queues(self.store)

    def worker_id(self, child: RemoteWorker) -> int:
        """The id of a worker."""
        return child.id


def read_snapshot(project: Project, store: Store) -> Snapshot:
    """A snapshot of the ledger, whether a run is in progress or not; `store` may be read-only."""
    return RemoteMeter().snapshot(RemoteRun(project, store))


def attach(project: Project) -> Exit:
    """Show the run in progress until it ends, or until Ctrl+C, which ends only the view."""
    if not coordinator_lives(project):
        raise LedgerError(
            f"no run is in progress in {project.root}", remedy="begin one: ledger spawn --detach"
        )
    wakeup = Wakeup()
    signal.signal(signal.SIGINT, lambda *_: wakeup.notify())
    view = make_view(quiet=False, as_json=False, meter=RemoteMeter())
    going_on = left = True
    while going_on and left:
        # opened again each time: a reader that stays keeps the log from being checkpointed
        with Store(project.ledger_path, read_only=True) as store:
            run = RemoteRun(project, store)
            going_on = run.going_on
            view(run)
        left = not wakeup.wait(WATCH_SECONDS)
    with Store(project.ledger_path, read_only=True) as store:
        view.close(RemoteRun(project, store))
    if not left:
        sys.stderr.write(
            f"the run continues ({counted(run.worker_count, 'worker')}): ledger attach\n"
        )
    return Exit.DONE
