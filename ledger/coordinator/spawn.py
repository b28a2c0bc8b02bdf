"""`ledger spawn` and `ledger retry`: build what is planned, requeue what failed."""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

import click

from ledger.coordinator.control import refuse_paused
from ledger.coordinator.outputs import hash_outputs, requeue, requeue_lost_outputs
from ledger.coordinator.preflight import check_before_spawn
from ledger.coordinator.supervisor import RunOptions, Supervisor
from ledger.coordinator.throttle import Throttle
from ledger.engines import LOCAL, find_engine
from ledger.errors import Exit, LedgerError
from ledger.planning.kinds import kinds_of_site, with_needs
from ledger.planning.sites import load_site
from ledger.project.lock import sole_coordinator
from ledger.queues import checks
from ledger.recovery.cleanup import remove_stale_outputs
from ledger.recovery.workers import recover
from ledger.store import queues
from ledger.store.plan import PlannedBefore, read_facts
from ledger.store.store import Store
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.project.load import Project
    from ledger.store.rows import QueueRow

NICENESS = 10


@dataclass(frozen=True, slots=True)
class SpawnOptions:
    """Options of `ledger spawn`, by their names."""

    workers: int | None = None
    keep_going: bool = False
    only: tuple[str, ...] = ()
    limit: int | None = None
    cool_down: float = 0.0
    nice: bool = False
    dry_run: bool = False
    quiet: bool = False
    limits: dict[str, Any] = field(default_factory=dict)
    throttle: Throttle = field(default_factory=Throttle)
    engine: str = LOCAL


@dataclass(frozen=True, slots=True)
class Chosen:
    """Kinds and phases of queues that `--only` names, with all that these need; None: all."""

    kinds: set[str] | None = None
    queues: frozenset[int] = frozenset()


class Watcher(Protocol):
    """A view of a run in progress; `ledger.views.view.View` is one."""

    def __call__(self, watched: Supervisor, /) -> None:
        """Called at every tick of the supervisor."""

    def close(self, watched: Supervisor, /) -> None:
        """Called once, at the end."""


class Finished(NamedTuple):
    """The end of a run: its exit code, and the queues whose budget allows no more jobs."""

    code: Exit
    exhausted: list[QueueRow]


def run(
    project: Project,
    options: SpawnOptions,
    view: Watcher,
    report: Callable[[Store, Finished], None] = lambda *_: None,
) -> Exit:
    """Build what is planned; returns the exit code, and calls `report` with how it ended."""
    find_engine(options.engine)  # an unknown one is refused before anything is changed
    _plan_queues_only(project)
    with sole_coordinator(project), Store(project.ledger_path) as store:
        recover(project, store)
        remove_stale_outputs(project, store)
        chosen = _choose(project, store, options.only)
        for warning in _prepare(project, store, options, chosen):
            click.echo(f"{click.style('note', fg='yellow')}: {warning}", err=True)
        code = _supervise(project, store, options, chosen, view)
        report(store, Finished(code, checks.limited_by_budget(store, _phases(store, chosen))))
    return code


def _prepare(project: Project, store: Store, options: SpawnOptions, chosen: Chosen) -> list[str]:
    """Select the jobs of the run and set its limits; returns warnings.

    Raises:
        LedgerError: with everything that prevents the run.
    """
    names = [queue.name for queue in queues.all_queues(store) if queue.name in options.only]
    checks.set_spawn_limits(store, names, options.limits)
    checks.refresh_prices(project, store)
    warnings = _requeue_damaged(project, store)
    store.select(kinds=chosen.kinds, queues=chosen.queues, documents=options.limit)
    pages = chosen.kinds is None or bool(chosen.kinds)
    refuse_paused(store, _phases(store, chosen), pages=pages)
    phases = None if chosen.kinds is None else chosen.queues
    return [*warnings, *check_before_spawn(project, store, phases), *options.throttle.notes()]


def _plan_queues_only(project: Project) -> None:
    """Plan a project that has only queues, so that no `ledger init` is needed."""
    if project.settings.site.kind != "bulk":
        return
    with suppress(LedgerError), Store(project.ledger_path, read_only=True) as store:
        if read_facts(store).get("settings") == project.settings_text:
            return
    from ledger.planning.init import plan_project

    plan_project(project.root, None, dry_run=False)


def _supervise(
    project: Project, store: Store, options: SpawnOptions, chosen: Chosen, view: Watcher
) -> Exit:
    run_options = RunOptions(
        options.workers or os.cpu_count() or 1, options.keep_going, options.cool_down,
        NICENESS if options.nice else 0,
        None if chosen.kinds is None else frozenset(chosen.kinds), chosen.queues, options.throttle,
        find_engine(options.engine),
    )  # fmt: skip
    supervisor = Supervisor(project, store, run_options, view)
    try:
        code = supervisor.supervise()
    finally:
        view.close(supervisor)
    if code == Exit.DONE and not options.only and options.limit is None:
        _finish(project, store, quiet=options.quiet)
    return code


def _finish(project: Project, store: Store, *, quiet: bool) -> None:
    """Do what a kind of site does when all its pages are made."""
    message = load_site(project.settings.site.kind).finish(project, PlannedBefore(store))
    if message and not quiet:
        click.echo(message, err=True)


def _requeue_damaged(project: Project, store: Store) -> list[str]:
    """Requeue the jobs whose files were changed or lost; returns warnings about them.

    The files of all done jobs are compared by size. Those of a run that did not end cleanly are
    hashed: after a power cut a file may have its name and its size, and not its bytes.
    """
    warnings = []
    unproven = store.reports.unproven_files()
    if unproven:
        damages = hash_outputs(project.root, unproven).damages
        if damages:
            requeue(project, store, damages)
            warnings.append(
                f"the last run did not end cleanly, and {counted(len(damages), 'file')} of the "
                f"{len(unproven):,} that it made are damaged; they are built again"
            )
    lost = requeue_lost_outputs(project, store)
    if lost:
        warnings.append(f"{counted(lost, 'done job')} had lost files, which are built again")
    return warnings


def _choose(project: Project, store: Store, only: tuple[str, ...]) -> Chosen:
    """Resolve `--only`: names of queues or of kinds, and all that these need.

    Raises:
        LedgerError: no queue or kind has that name.
    """
    if not only:
        return Chosen()
    kinds = kinds_of_site(project.settings.site.kind)
    names = [queue.name for queue in queues.all_queues(store)]
    planned = [name for name, kind in kinds.items() if kind.sites != ("bulk",)]
    unknown = sorted(set(only) - set(planned) - set(names))
    if unknown:
        there = ", ".join([*names, *planned]) or "nothing yet"
        raise LedgerError(
            f"no queue or job kind is called {', '.join(unknown)}", remedy=f"use one of: {there}"
        )
    of_site = with_needs([name for name in only if name in planned], kinds)
    return Chosen(of_site, frozenset(queues.with_those_before(store, set(only) & set(names))))


def _phases(store: Store, chosen: Chosen) -> set[int]:
    every = {queue.phase for queue in queues.all_queues(store)}
    return every if chosen.kinds is None else every & chosen.queues


def preview(project: Project, options: SpawnOptions) -> dict[str, int]:
    """Count the jobs that would be built, by kind or queue; nothing is written."""
    _plan_queues_only(project)
    with Store(project.ledger_path, read_only=True) as store:
        chosen = _choose(project, store, options.only)
        return {
            count.name: count.pending + count.deselected + count.running
            for count in store.counts()
            if chosen.kinds is None or count.kind in chosen.kinds or count.phase in chosen.queues
        }


def put_back(
    project: Project,
    *,
    failed_only: bool,
    kind: str | None,
    key: str | None,
    only: str | None = None,
    uncertain: bool = False,
) -> int:
    """Requeue jobs; returns how many."""
    with Store(project.ledger_path) as store:
        phase = queues.chosen_queues(store, [only])[0].phase if only else None
        return store.retry(
            failed_only=failed_only, kind=kind, key=key, phase=phase, uncertain=uncertain
        )
