"""The commands about queues: parse, call, print. No logic."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ledger.cli.add import add
from ledger.cli.options import as_json, in_project
from ledger.text import counted

if TYPE_CHECKING:
    from ledger.project.load import Project


@click.command()
@in_project
@click.option("--only", multiple=True, metavar="NAME", help="Only this queue; repeatable.")
def pause(folder: Path, only: tuple[str, ...]) -> None:
    """Start nothing new, also during a run; running jobs are finished. `ledger resume` continues.

    \b
    ledger pause
    ledger pause --only facts
    """
    from ledger.coordinator.control import pause as pause_queues

    click.echo(pause_queues(_project(folder), only, paused=True))


@click.command()
@in_project
@click.option("--only", multiple=True, metavar="NAME", help="Only this queue; repeatable.")
def resume(folder: Path, only: tuple[str, ...]) -> None:
    """Continue what was paused."""
    from ledger.coordinator.control import pause as pause_queues

    click.echo(pause_queues(_project(folder), only, paused=False))


@click.command()
@in_project
@click.option("--only", multiple=True, metavar="NAME", help="The queue; repeatable.")
@click.option("--key", metavar="KEY", help="Only the job with this key.")
@click.option("--uncertain", is_flag=True, help="Only those that wait for a decision.")
@as_json
def cancel(
    folder: Path, only: tuple[str, ...], key: str | None, *, uncertain: bool, json_: bool
) -> None:
    """Take jobs that wait out of their queue; what is done or running stays.

    \b
    ledger cancel --only render
    ledger cancel --only render --key intro,de
    ledger cancel --uncertain
    """
    from ledger.coordinator.control import cancel as cancel_jobs

    if not (only or uncertain):
        raise click.UsageError("say which: --only NAME or --uncertain")
    count = cancel_jobs(_project(folder), only, key=key, uncertain=uncertain)
    click.echo(json.dumps({"cancelled": count}) if json_ else f"{counted(count, 'job')} cancelled")


@click.command()
@in_project
@click.option(
    "--now", is_flag=True, help="Do not wait for the jobs in flight: they are done again."
)
def stop(folder: Path, *, now: bool) -> None:
    """End the run in progress, from another shell: the jobs in flight are finished."""
    from ledger.coordinator.control import stop as stop_run

    click.echo(stop_run(_project(folder), now=now))


@click.command()
@in_project
def attach(folder: Path) -> None:
    """Watch the run in progress, until it ends or Ctrl+C, which leaves the run alone."""
    from ledger.views.attach import attach as watch

    sys.exit(watch(_project(folder)))


@click.command()
@click.argument("names", nargs=-1)
@in_project
@click.option(
    "--format", "form", type=click.Choice(["jsonl", "csv"]), default="jsonl", show_default=True
)
@click.option("--all", "all_", is_flag=True, help="Also what is not done, with its state.")
def export(names: tuple[str, ...], folder: Path, form: str, *, all_: bool) -> None:
    """Write the results of jobs: their input, result, cost, and last attempt.

    \b
    ledger export facts > facts.jsonl
    ledger export thumbs --format csv --all
    """
    from ledger.views.export import export as write

    write(_project(folder), names, form=form, everything=all_)


@click.command()
@in_project
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Where to (default: .ledger/report.html).")  # fmt: skip
def report(folder: Path, output: Path | None) -> None:
    """Write a receipt: one HTML file with throughput, durations, workers, failures and spend."""
    from ledger import __version__
    from ledger.views.report import write_report

    click.echo(write_report(_project(folder), output, version=__version__))


@click.command()
@in_project
@click.option("-o", "--output", type=click.Path(path_type=Path, dir_okay=False), metavar="FILE",
              help="Write to a file, whole or not at all (for the textfile collector).")  # fmt: skip
def metrics(folder: Path, output: Path | None) -> None:
    """Print the state of the ledger as OpenMetrics text.

    \b
    ledger metrics -o /var/lib/node_exporter/textfile/ledger.prom
    """
    from ledger.views.metrics import write_metrics

    write_metrics(_project(folder), output)


COMMANDS = (add, pause, resume, cancel, stop, attach, export, report, metrics)


def _project(folder: Path) -> Project:
    from ledger.project.load import find_root, load_project

    return load_project(find_root(folder))
