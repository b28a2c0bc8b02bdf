"""The commands about queues: parse, call, print. No logic."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.project.load import Project

EPILOG = """\b
ledger add --name thumbs --out 'thumbs/{stem}.webp' -- cwebp {path} -o {out} ::: img/*.png
ledger add --name render --matrix lang=en,es --matrix t=@list.txt -- forge {t} --lang {lang}
ledger add --name facts --kind llm --input pages.jsonl --prompt facts.j2 --out 'facts/{id}.json'
ledger add --name pages --kind http --input ids.csv --url 'https://example.org/{id}' --rate 5/s
ledger add --name zip -0 --arg-file - --out '{}.gz' -- gzip -c {}
"""


def in_project(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -C DIR."""
    return click.option(
        "-C", "folder", type=click.Path(path_type=Path), default=Path(), metavar="DIR",
        help="Work on the project in DIR (default: here or the nearest folder above).",
    )(command)  # fmt: skip


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON for scripts.")(command)


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add what limits a queue."""
    options = [
        click.option("--budget", metavar="MONEY", help="The most to spend, as 25.00, or none."),
        click.option("--token-budget", metavar="N", help="The most tokens, as 2M, or none."),
        click.option("--rate", metavar="N/TIME", help="Starts in a time, as 300/min, or none."),
        click.option("--burst", type=click.IntRange(min=1), metavar="N",
                     help="How many starts beyond the rate at once (default 1)."),
        click.option("--concurrency", type=click.IntRange(min=0), metavar="N",
                     help="The most of its jobs at once; 0: no limit."),
        click.option("--adaptive/--no-adaptive", default=None,
                     help="Halve the rate when the server says 429, and creep back."),
    ]  # fmt: skip
    for option in reversed(options):
        command = option(command)
    return command


LIMITS = ("budget", "token_budget", "rate", "burst", "concurrency", "adaptive")


def take_limits(options: dict[str, Any], *more: str) -> dict[str, Any]:
    """Take the limits out of a command's options, as the columns of `queues`."""
    named = {name: options.pop(name) for name in (*LIMITS, *more)}
    if all(value is None or value == () for value in named.values()):
        return {}
    from ledger.queues.options import parse_limits

    return parse_limits(**named)


# from the first word of the command on all is the command's, also without --
@click.command(epilog=EPILOG, context_settings={"allow_interspersed_args": False})
@click.argument("words", nargs=-1, type=click.UNPROCESSED, metavar="[-- COMMAND… [::: VALUE…]]")
@in_project
@click.option("--name", required=True, metavar="NAME", help="The queue to add to.")
@click.option("--kind", type=click.Choice(["command", "llm", "http"]), default="command",
              show_default=True)  # fmt: skip
@click.option(
    "--out", default="", metavar="PATH", help="The output of a job, as 'thumbs/{stem}.webp'."
)
@click.option("--key", default="", metavar="TEXT", help="What tells jobs apart, as '{id}-{lang}'.")
@click.option(
    "--input", metavar="FILE", help="A job a line of a .jsonl, .csv or .tsv file; - for JSON lines."
)
@click.option(
    "--matrix", multiple=True, metavar="NAME=A,B", help="Every combination; NAME=@FILE for lines."
)
@click.option(
    "-a", "--arg-file", multiple=True, metavar="FILE", help="A value a line; - for standard input."
)
@click.option(
    "-0", "--null", is_flag=True, help="Values end with NUL; from standard input by default."
)
@click.option("--shell", is_flag=True, help="The command is a line for /bin/sh; values are quoted.")
@click.option(
    "--ok-codes",
    default="0",
    show_default=True,
    metavar="N,N",
    help="Exit statuses that mean done.",
)
@click.option(
    "--timeout", type=click.FloatRange(min=0, min_open=True), metavar="SECONDS", help="Of one try."
)
@click.option("--retries", type=click.IntRange(0, 1000), metavar="N", help="Tries after the first "
              "(default: none of a command, 7 of a request).")  # fmt: skip
@click.option("--priority", type=int, default=0, metavar="N", help="Higher ones first.")
@click.option(
    "--after", multiple=True, metavar="NAME", help="Only when that queue is done; repeatable."
)
@click.option("--uncertain", type=click.Choice(["retry", "park", "hold"]), help="What to do about a job whose "
              "worker died while it was at it (default retry; hold is the old name of park).")  # fmt: skip
@click.option("--existing", type=click.Choice(["refuse", "adopt", "replace"]), default="refuse",
              show_default=True, help="What to do about outputs that are there already.")  # fmt: skip
@click.option("--replace", is_flag=True, help="The queue has just these jobs; others go.")
@click.option("--prompt", metavar="FILE", help="llm: a Jinja template over the fields of a record.")
@click.option("--system", metavar="FILE", help="llm: the same for the system message.")
@click.option("--schema", metavar="FILE", help="llm: a JSON schema that answers must fit.")
@click.option("--model", default="", help="llm: which (default: [llm] model).")
@click.option("--max-tokens", type=click.IntRange(min=1), help="llm: of an answer.")
@click.option("--temperature", type=float, help="llm: of an answer.")
@click.option("--embed", is_flag=True, help="llm: ask for a vector and not for an answer.")
@click.option("--url", default="", help="http: with placeholders; llm: of the server, up to /v1.")
@click.option("--method", default="", help="http: default GET, or POST with a body.")
@click.option(
    "--header", multiple=True, metavar="'NAME: VALUE'", help="http: repeatable; no secrets."
)
@click.option("--body", default="", help="http: with placeholders.")
@click.option("--key-env", metavar="NAME", help="The environment variable of the API key.")
@click.option("--key-file", default="", metavar="FILE", help="Or a file that only you may read.")
@click.option(
    "--cost", metavar="MONEY", help="What one try costs, for a budget; llm: see [prices]."
)
@limit_options
@click.option("--dry-run", is_flag=True, help="Say what would be added, and add nothing.")
@as_json
def add(
    words: tuple[str, ...], folder: Path, *, json_: bool, uncertain: str | None, **options: Any
) -> None:
    """Add work that is no page: a job for each value, to a queue.

    Values follow ::: (or :::: files of them), or come from --arg-file, --input and --matrix; all
    combinations are jobs. In command, --out, --url and --body {} is the value, {path} {name}
    {stem} {ext} {dir} are parts of it, {lang} is a field, {tutorial.stem} a part of a field, and
    {out} the output, which appears under its name only when the command has ended well.

    Adding the same work again adds nothing; what changed is done again. `ledger spawn` does it.
    """
    from ledger.queues.add import add as add_to
    from ledger.queues.options import AddOptions

    options["policy"] = uncertain
    limits = take_limits(options, "after", "policy")
    report = add_to(folder, AddOptions(words=words, limits=limits, **options), here=Path.cwd())
    click.echo(json.dumps(report.as_dict()) if json_ else report.text())


@click.command()
@in_project
@click.option("--only", multiple=True, metavar="NAME", help="Only this queue; repeatable.")
def pause(folder: Path, only: tuple[str, ...]) -> None:
    """Begin nothing new, also while a run goes on; what runs is finished. `ledger resume` goes on.

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
    """Go on with what was paused."""
    from ledger.coordinator.control import pause as pause_queues

    click.echo(pause_queues(_project(folder), only, paused=False))


@click.command()
@in_project
@click.option("--only", multiple=True, metavar="NAME", help="The queue; repeatable.")
@click.option("--key", metavar="KEY", help="Only the job with this key.")
@click.option("--uncertain", is_flag=True, help="Only those that wait for somebody to decide.")
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
@click.option("--now", is_flag=True, help="Do not wait for the jobs in hand: they are done again.")
def stop(folder: Path, *, now: bool) -> None:
    """End the run that goes on here, from another shell: the jobs in hand are finished."""
    from ledger.coordinator.control import stop as stop_run

    click.echo(stop_run(_project(folder), now=now))


@click.command()
@in_project
def attach(folder: Path) -> None:
    """Watch the run that goes on here, until it ends or Ctrl+C; the run does not mind."""
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
    """Write what jobs came to: their input, result, cost, and last try.

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
    from ledger.views.report import write_report

    click.echo(write_report(_project(folder), output))


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
