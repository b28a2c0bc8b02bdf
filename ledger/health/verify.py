"""`ledger verify`: compare every published file with its digest, and requeue what is damaged."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from ledger.coordinator.outputs import Hashed, Requeued, hash_outputs, requeue
from ledger.errors import Exit
from ledger.health.context import with_remedy
from ledger.project.lock import sole_coordinator
from ledger.store.store import Store
from ledger.text import counted

if TYPE_CHECKING:
    from ledger.project.load import Project

SHOWN_DAMAGES = 20


def verify(project: Project, *, as_json: bool) -> Exit:
    """Hash the files of all done jobs; requeue the jobs of those that are damaged or missing.

    Also requeue the jobs that may have built from a damaged artefact; `requeue` determines which.
    Nothing is written if no file is damaged. Returns FAILED if one was.

    Raises:
        LockedError: another process plans or builds.
        LedgerError: there is no ledger, or it cannot be read.
    """
    try:
        with sole_coordinator(project), Store(project.ledger_path) as store, with_remedy(store):
            hashed = hash_outputs(project.root, store.reports.finished_files())
            put_back = requeue(project, store, hashed.damages) if hashed.damages else Requeued()
    except KeyboardInterrupt:
        click.echo("interrupted: nothing was changed", err=True)
        return Exit.INTERRUPTED
    code = Exit.FAILED if hashed.damages else Exit.DONE
    if as_json:
        click.echo(json.dumps(_as_dict(hashed, put_back, code), ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(hashed, put_back)))
    return code


def _as_dict(hashed: Hashed, put_back: Requeued, code: Exit) -> dict[str, object]:
    return {
        "exit": int(code),
        "checked": hashed.files,
        "bytes": hashed.bytes,
        "damaged": [
            {"path": damage.path, "kind": damage.kind, "what": damage.what}
            for damage in hashed.damages
        ],
        "requeued": put_back.jobs,
        "followers": put_back.followers,
    }


def _lines(hashed: Hashed, put_back: Requeued) -> list[str]:
    damages = hashed.damages
    lines = [
        f"{click.style('damaged', fg='red')}  {damage.path} {damage.what}"
        for damage in damages[:SHOWN_DAMAGES]
    ]
    if len(damages) > SHOWN_DAMAGES:
        lines.append(f"         … and {len(damages) - SHOWN_DAMAGES:,} more: ledger doctor --json")
    lines.append(
        f"{counted(hashed.files, 'file')} checked, {hashed.bytes / 1e6:,.1f} MB, "
        f"{len(damages):,} damaged"
    )
    if damages:
        also = (
            f", and {put_back.followers:,} that may have built from a damaged one"
            if put_back.followers
            else ""
        )
        lines.append(
            f"{counted(put_back.jobs, 'job')} to be done again{also}: "
            "`ledger spawn` builds them, and writes only what comes out otherwise"
        )
    return lines
