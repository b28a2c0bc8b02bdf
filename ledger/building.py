"""`ledger spawn` and `ledger retry`: build what is planned, put back what failed."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

import click

from ledger.failures import Exit, LedgerError
from ledger.kinds import kinds_of_site, with_needs
from ledger.preflight import check_before_spawn
from ledger.progress import make_view
from ledger.sites import load_site
from ledger.store import Store
from ledger.supervisor import Orders, Supervisor, adopt, requeue_lost_outputs, sole_coordinator
from ledger.tidy import remove_leftovers
from ledger.wording import counted

if TYPE_CHECKING:
    from ledger.project import Project

NICENESS = 10


def build(
    project: Project,
    *,
    workers: int | None,
    keep_going: bool,
    only: tuple[str, ...],
    limit: int | None,
    cool_down: float,
    nice: bool,
    dry_run: bool,
    quiet: bool,
    as_json: bool,
) -> Exit:
    """Build what is planned; returns the exit code."""
    orders = Orders(
        workers or os.cpu_count() or 1, keep_going, only, limit, cool_down, NICENESS if nice else 0
    )
    kinds = _chosen_kinds(project, only)
    if dry_run:
        return _preview(project, kinds, limit, as_json=as_json)
    with sole_coordinator(project), Store(project.ledger_path) as store:
        adopt(project, store)
        remove_leftovers(project, store)
        warnings = _put_back_damaged(project, store)
        store.select(kinds=kinds, documents=limit)
        warnings += check_before_spawn(project, store)
        for warning in warnings:
            click.echo(f"{click.style('note', fg='yellow')}: {warning}", err=True)
        view = make_view(quiet=quiet, as_json=as_json)
        supervisor = Supervisor(project, store, orders, view)
        try:
            code = supervisor.supervise()
        finally:
            view.close(supervisor)
        if code == Exit.DONE and not only and limit is None:
            _finish(project, store, quiet=quiet)
        _report(store, code, as_json=as_json)
    return code


def _finish(project: Project, store: Store, *, quiet: bool) -> None:
    """What a kind of site does when all its pages are there."""
    said = load_site(project.settings.site.kind).finish(project, store)
    if said and not quiet:
        click.echo(said, err=True)


def _put_back_damaged(project: Project, store: Store) -> list[str]:
    """Put back jobs whose files are not what they were; returns what there is to say of it.

    Of every done job the size is looked at. What a run made that did not end cleanly is hashed:
    after a power cut a file may have its name and its size, and not its bytes.
    """
    said = []
    unproven = store.unproven_files()
    if unproven:
        from ledger.health.outputs import hash_outputs, requeue

        damages = hash_outputs(project.root, unproven).damages
        if damages:
            requeue(project, store, damages)
            said.append(
                f"the last run did not end cleanly, and {counted(len(damages), 'file')} of the "
                f"{len(unproven):,} that it made are damaged; they are built again"
            )
    lost = requeue_lost_outputs(project, store)
    if lost:
        said.append(f"{lost:,} done jobs had lost their files; they are built again")
    return said


def _chosen_kinds(project: Project, only: tuple[str, ...]) -> set[str] | None:
    if not only:
        return None
    kinds = kinds_of_site(project.settings.site.kind)
    unknown = sorted(set(only) - set(kinds))
    if unknown:
        raise LedgerError(
            f"no job kind is called {', '.join(unknown)}", remedy=f"use one of: {', '.join(kinds)}"
        )
    return with_needs(only, kinds)


def _report(store: Store, code: Exit, *, as_json: bool) -> None:
    failures = store.failures()
    if as_json:
        click.echo(
            json.dumps({"exit": int(code), "failures": [item.as_dict() for item in failures]})
        )
        return
    for failure in failures:
        click.echo(f"\n{click.style(str(failure), fg='red')}", err=True)
    if failures:
        click.echo(
            f"\n{len(failures):,} jobs failed; after the cure: ledger retry --failed && ledger spawn",
            err=True,
        )


def _preview(project: Project, kinds: set[str] | None, limit: int | None, *, as_json: bool) -> Exit:
    """What would be built, by kind; nothing is written."""
    with Store(project.ledger_path, read_only=True) as store:
        rows = [
            (count.kind, count.pending + count.held + count.running)
            for count in store.counts()
            if kinds is None or count.kind in kinds
        ]
    if as_json:
        click.echo(json.dumps({"would_build": dict(rows), "limit": limit}))
    else:
        for kind, count in rows:
            click.echo(f"{kind:16} {count:>9,} jobs would be built")
    return Exit.DONE


def put_back(project: Project, *, failed_only: bool, kind: str | None, key: str | None) -> int:
    """Put jobs back to pending; returns how many."""
    with Store(project.ledger_path) as store:
        return store.retry(failed_only=failed_only, kind=kind, key=key)
