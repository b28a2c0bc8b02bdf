"""`ledger why`: parse, call, print. No logic."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ledger.cli.options import as_json, in_project

if TYPE_CHECKING:
    from pathlib import Path


@click.command()
@click.argument("job")
@in_project
@as_json
def why(job: str, folder: Path, *, json_: bool) -> None:
    """Say why JOB is not claimed now: KIND/KEY, QUEUE/KEY or KEY. Reads only.

    Several jobs of different kinds may share a key; each has its line.

    \b
    ledger why similar/wisdom/42
    ledger why facts/p0001
    ledger why wisdom/42 --json | jq '.[].reasons'
    """
    from ledger.project.load import find_root, load_project
    from ledger.views.why import show_why

    show_why(load_project(find_root(folder)), job, as_json=json_)
