"""The command line: parse, call, print. No logic."""

from __future__ import annotations

import json
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger import __version__
from ledger.cli.options import as_json, in_project, limit_options, take_limits
from ledger.cli.queues import COMMANDS
from ledger.cli.why import why
from ledger.errors import OS_REMEDIES, LedgerError
from ledger.text import counted

if TYPE_CHECKING:
    from ledger.project.load import Project


LEDGER_FILE = Path(".ledger", "ledger.db")


class Commands(click.Group):
    """Print what a command refuses and what SQLite reports, and exit with the code of it."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except LedgerError as error:
            refusal = error
        except OSError as error:
            if error.errno not in OS_REMEDIES:
                raise
            what = f"{error.filename or 'the disk'}: {error.strerror}"
            refusal = LedgerError(what, remedy=f"{OS_REMEDIES[error.errno]}, then try again")
        except Exception as error:
            if not hasattr(error, "sqlite_errorname"):
                raise
            from ledger.health.context import UnreadableError

            refusal = UnreadableError(LEDGER_FILE, error)
            if not refusal.understood:
                raise
        click.echo(f"{click.style('error', fg='red', bold=True)}: {refusal}", err=True)
        return ctx.exit(int(refusal.exit_code))


@click.group(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="ledger")
@click.pass_context
def main(ctx: click.Context) -> None:
    """Plan any number of pages, build them with N worker processes, kill anything at any moment.

    \b
    ledger init && ledger spawn 12     plan, then build with 12 worker processes
    ledger status                      what is done, running, failed and why
    ledger retry --failed              put the failed ones back
    ledger add --name NAME -- COMMAND {} ::: VALUE…
                                       queue any other work; spawn does it

    Exit codes: 0 all done, 1 jobs failed, 2 usage or configuration, 3 work left that others
    hold, 4 budget exhausted, 130 interrupted.
    """
    if os.environ.get("NO_COLOR"):
        ctx.color = False


@main.command()
@click.argument("source", required=False, type=click.Path(path_type=Path))
@in_project
@click.option(
    "--kind",
    metavar="KIND",
    help="Of a new project: poems, blog, bulk, or one that a package adds; by default what is there decides.",
)
@click.option("--dry-run", is_flag=True, help="Print what would change, and change nothing.")
@as_json
def init(source: Path | None, folder: Path, kind: str | None, dry_run: bool, json_: bool) -> None:
    """Plan the project: read the corpus and write every job into the ledger.

    In an empty folder this writes ledger.toml and a starter corpus. Run it again after
    editing the corpus, a template or the settings: what is unchanged stays done.

    \b
    ledger init                  an empty folder, or a project again
    ledger init poems.json       a new project from a corpus
    ledger init notes/           from a folder of .txt and .md files
    ledger init content/         a blog from a tree of posts (Hugo, Jekyll, Zola, …)
    ledger init --kind blog      an empty folder: a starter blog in three languages
    ledger init --kind bulk      no pages: a project for what `ledger add` adds
    """
    from ledger.planning.init import plan_project

    report = plan_project(folder, source, kind=kind, dry_run=dry_run)
    click.echo(json.dumps(report.as_dict()) if json_ else report.text())


@main.command()
@click.argument("workers", required=False, type=click.IntRange(min=1))
@in_project
@click.option("--keep-going", is_flag=True, help="Build everything else before failing.")
@click.option(
    "--only",
    multiple=True,
    metavar="NAME",
    help="Only this queue or kind of page, and what it needs; repeatable.",
)
@click.option(
    "--limit",
    type=click.IntRange(min=1),
    metavar="N",
    help="A trial: only the first N documents' pages.",
)
@click.option(
    "--cool-down",
    type=click.FloatRange(min=0),
    default=0.0,
    metavar="SECONDS",
    help="Rest between batches.",
)
@click.option("--nice", is_flag=True, help="Give way to everything else on this machine.")
@limit_options
@click.option(
    "--load", type=click.FloatRange(min=0), metavar="N", help="Begin nothing above this load."
)
@click.option("--memfree", metavar="BYTES", help="Begin nothing with less memory free, as 500M.")
@click.option("--temp", type=float, metavar="°C", help="Begin nothing while the machine is hotter.")
@click.option(
    "--engine", default="local", metavar="NAME", help="Where workers run: docs/engines.md."
)
@click.option("--detach", is_flag=True, help="Run in the background; `ledger attach` watches.")
@click.option("--dry-run", is_flag=True, help="Print what would be built, and build nothing.")
@click.option("--quiet", "-q", is_flag=True, help="No progress.")
@as_json
def spawn(
    folder: Path, *, json_: bool, load: float | None, memfree: str | None, temp: float | None,
    detach: bool, **settings: Any,
) -> None:  # fmt: skip
    """Build what is planned with WORKERS worker processes (default: one per core).

    Ctrl+C finishes the jobs in flight; a second Ctrl+C stops at once. Nothing is lost either
    way: the same command continues from there.

    \b
    ledger spawn 12
    ledger spawn --only similar --limit 20       a quick look at the first 20
    ledger spawn 2 --nice --cool-down 1          for a machine that runs hot
    ledger spawn 20 --only facts --budget 25.00 --rate 300/min
    """
    from ledger.coordinator.spawn import SpawnOptions, preview, run
    from ledger.coordinator.throttle import Throttle
    from ledger.views.choose import make_view
    from ledger.views.outcome import show_outcome, show_preview

    limits = take_limits(settings)
    throttle = Throttle(load, _bytes(memfree), temp)
    project = _project(folder)
    if detach:
        from ledger.coordinator.control import detach as spawn_elsewhere

        sys.exit(spawn_elsewhere(project, sys.argv[1:]))
    options = SpawnOptions(limits=limits, throttle=throttle, **settings)
    if options.dry_run:
        show_preview(preview(project, options), options.limit, as_json=json_)
    else:
        view = make_view(quiet=options.quiet, as_json=json_)
        sys.exit(run(project, options, view, partial(show_outcome, as_json=json_)))


@main.command()
@click.argument("workers", required=False, type=click.IntRange(min=1))
@in_project
@click.option("--port", type=click.IntRange(0, 65535), default=8000, show_default=True,
              help="Where to serve; 0 for any port that is free.")  # fmt: skip
@click.option("--open", "open_browser", is_flag=True, help="Open it in the browser.")
def serve(workers: int | None, folder: Path, port: int, *, open_browser: bool) -> None:
    """Show the site on this machine; after every edit build what it touches, and reload.

    Plans, builds with WORKERS worker processes (default: one per core), and serves on
    127.0.0.1 alone, until Ctrl+C. Errors are shown here and on the open pages.

    \b
    ledger serve
    ledger serve --port 0 --open
    """
    from ledger.serve import serve as show

    show(_project(folder).root, port=port, workers=workers, open_browser=open_browser)


@main.command()
@in_project
@click.option("--watch", is_flag=True, help="Show it again every second until Ctrl+C.")
@as_json
def status(folder: Path, watch: bool, json_: bool) -> None:
    """Show what is done, running and failed, and why. Reads only, also while workers write.

    \b
    ledger status
    ledger status --json | jq .failures
    """
    from ledger.views.status import show_status

    show_status(_project(folder), watch=watch, as_json=json_)


@main.command()
@in_project
@click.option("--failed", is_flag=True, help="Put back the jobs that failed.")
@click.option("--all", "all_", is_flag=True, help="Put back done ones too (with --kind or --key).")
@click.option("--only", metavar="NAME", help="Only jobs of this queue.")
@click.option("--kind", metavar="KIND", help="Only jobs of this kind.")
@click.option("--key", metavar="KEY", help="Only the job with this key.")
@click.option(
    "--uncertain", is_flag=True, help="Put back parked jobs, which may have had their effect."
)
@as_json
def retry(
    *, folder: Path, failed: bool, all_: bool, kind: str | None, key: str | None,
    only: str | None, uncertain: bool, json_: bool,
) -> None:  # fmt: skip
    """Put jobs back to pending, with all their attempts; `ledger spawn` then builds them.

    \b
    ledger retry --failed
    ledger retry --failed --kind similar
    ledger retry --key wisdom/42
    ledger retry --all --kind embed
    """
    from ledger.coordinator.spawn import put_back

    if not (failed or kind or key or only or uncertain):
        raise click.UsageError("say which: --failed, --only NAME, --kind KIND or --key KEY")
    if all_ and not (kind or key or only):
        raise click.UsageError("--all goes with --only NAME, --kind KIND or --key KEY")
    count = put_back(
        _project(folder), failed_only=not all_, kind=kind, key=key, only=only, uncertain=uncertain
    )
    pending = f"{counted(count, 'job')} {'is' if count == 1 else 'are'} pending again"
    click.echo(json.dumps({"retried": count}) if json_ else pending)


@main.command()
@in_project
@click.option("--fix", is_flag=True, help="Repair what is safe to repair; not while a build runs.")
@as_json
def doctor(folder: Path, fix: bool, json_: bool) -> None:
    """Check everything that can be wrong with the project, and print a remedy for each.

    The ledger, dead workers' leases, every file of the site, vectors, rankings, disk and
    limits. Writes nothing without --fix. Exits with 1 if there are errors or warnings.

    \b
    ledger doctor
    ledger doctor --fix
    ledger doctor --json | jq '.findings[] | select(.severity == "error")'
    """
    from ledger.health.doctor import check_health

    sys.exit(check_health(_project(folder), fix=fix, as_json=json_))


@main.command()
@in_project
@as_json
def verify(folder: Path, json_: bool) -> None:
    """Compare every file that was built with its digest, and put back what is damaged.

    `ledger spawn` then builds it again. Exits with 1 if something was damaged.

    \b
    ledger verify && echo sound
    ledger verify --json | jq .damaged
    """
    from ledger.health.verify import verify as compare

    sys.exit(compare(_project(folder), as_json=json_))


def _bytes(text: str | None) -> int | None:
    if text is None:
        return None
    from ledger.queues.amounts import parse_count

    return parse_count(text)


for command in (why, *COMMANDS):
    main.add_command(command)


def _project(folder: Path) -> Project:
    from ledger.project.load import find_root, load_project

    return load_project(find_root(folder))
