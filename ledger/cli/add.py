"""`ledger add KIND`: a command for each queue kind, with that kind's options alone."""

from __future__ import annotations

import inspect
import itertools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from ledger.cli.options import as_json, in_project, limit_parameters, take_limits
from ledger.errors import LedgerError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from ledger.queues.recipes import Recipe

DEFAULT_KIND = "command"

VALUES = """\
Values follow ::: (or :::: files of them), or come from --arg-file, --input and --matrix; all
combinations are jobs. In templates {} is the value, {path} {name} {stem} {ext} {dir} are parts of
it, {lang} is a field, {tutorial.stem} a part of a field.

Adding the same work again adds nothing; what changed is done again. `ledger spawn` does it.
"""


class AddKind(click.Command):
    """`ledger add` for one kind: its own options, then those of every kind."""

    def __init__(self, kind: str, recipe: type[Recipe]) -> None:
        self.own = list(recipe.options())
        self.common, self.limits = _common(recipe), limit_parameters()
        doc = inspect.getdoc(recipe) or ""
        super().__init__(
            kind, callback=_adder(kind, [str(option.name) for option in self.own]),
            params=[_words(recipe), *self.own, *self.common, *self.limits, _kind(kind)],
            help=f"{doc}\n\n{VALUES}", short_help=doc.partition("\n")[0],
            epilog="\b\n" + "\n".join(recipe.examples),
            # from its first word on all is the command's, also without --
            context_settings={"allow_interspersed_args": False},
        )  # fmt: skip
        _refuse_shared_names(kind, self.own, [*self.common, *self.limits])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Parse the command line; an option of another kind is refused with that kind's name."""
        try:
            return super().parse_args(ctx, args)
        except click.NoSuchOption as error:
            from ledger.queues.kinds import kinds_with_option

            if not (kinds := kinds_with_option(error.option_name)):
                raise
            raise click.UsageError(
                f"{error.option_name} is not an option of kind {self.name}, but of "
                f"{' and '.join(kinds)}: ledger add {kinds[0]} … {error.option_name}", ctx,
            ) from None  # fmt: skip

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options by what they are about."""
        for title, options in (
            (f"Options of {self.name}", self.own),
            ("Options of every kind", [*self.common, self.get_help_option(ctx)]),
            ("Limits", self.limits),
        ):
            records = [option.get_help_record(ctx) for option in options if option is not None]
            if shown := [record for record in records if record is not None]:
                with formatter.section(title):
                    formatter.write_dl(shown)


class AddGroup(click.Group):
    """The queue kinds that are installed, each a command; without one, `--kind` or `command`."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's
        """The kinds, those of other packages last."""
        from ledger.queues.kinds import kind_names

        return kind_names()

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of a kind; of one that cannot be used, a command that says why."""
        from ledger.queues.kinds import recipe_type

        try:
            return AddKind(cmd_name, recipe_type(cmd_name))
        except LedgerError as error:
            return _refusing(cmd_name, error)
        except Exception as error:  # noqa: BLE001  the kind of another package may do anything
            what = f"the queue kind {cmd_name!r} cannot be used: {type(error).__name__}: {error}"
            return _refusing(cmd_name, LedgerError(what, remedy="fix or uninstall its package"))

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Put the kind first where the command line begins with options."""
        if args and args[0].startswith("-") and args[0] not in ctx.help_option_names:
            args = [self._kind_in(ctx, args), *args]
        return super().parse_args(ctx, args)

    def _kind_in(self, ctx: click.Context, args: list[str]) -> str:
        """The value of `--kind` among the options that stand before the first word.

        Which words are values of options depends on the kind, so each kind in question is tried.
        """
        named = [each for word, each in itertools.pairwise(args) if word == "--kind"]
        named += [word.partition("=")[2] for word in args if word.startswith("--kind=")]
        for kind in (DEFAULT_KIND, *named) if named else ():
            command = self.get_command(ctx, kind)
            if not isinstance(command, AddKind):
                return kind
            own = click.Context(command, parent=ctx, **command.context_settings)
            try:
                options, _, _ = command.make_parser(own).parse_args(list(args))
            except click.UsageError:
                continue
            return options.get("kind") or DEFAULT_KIND
        return named[0] if named else DEFAULT_KIND


@click.group(cls=AddGroup, subcommand_metavar="[KIND] [OPTIONS] …", epilog="""\b
ledger add command --name thumbs --out 'thumbs/{stem}.webp' -- cwebp {path} -o {out} ::: img/*.png
ledger add llm --name facts --input pages.jsonl --prompt facts.j2 --out 'facts/{id}.json'
ledger add http --name pages --input ids.csv --url 'https://example.org/{id}' --rate 5/s
ledger add --name lines -- wc -l {} ::: *.txt
""")  # fmt: skip
def add() -> None:
    """Add work that is no page: a job for each value, to a queue.

    KIND is what the jobs are; without one they are commands. `ledger add KIND --help` shows the
    options of that kind.
    """


def _words(recipe: type[Recipe]) -> click.Argument:
    return click.Argument(["words"], nargs=-1, type=click.UNPROCESSED, metavar=recipe.usage)


def _kind(kind: str) -> click.Option:
    """`--kind`, as it was written before there were commands for kinds."""
    return click.Option(["--kind"], type=click.Choice([kind]), hidden=True, expose_value=False)


def _common(recipe: type[Recipe]) -> list[click.Option]:
    """The options of every kind."""

    @in_project
    @as_json
    def options() -> None: ...

    retries = recipe.from_dict({}).retries
    shared = reversed(options.__click_params__)  # type: ignore[attr-defined]  # as click's decorators leave them
    return [
        click.Option(["--name"], required=True, metavar="NAME", help="The queue to add to."),
        click.Option(["--out"], default="", metavar="PATH",
                     help="The output of a job, as 'thumbs/{stem}.webp'."),
        click.Option(["--key"], default="", metavar="TEXT",
                     help="What tells jobs apart, as '{id}-{lang}'."),
        click.Option(["--input"], metavar="FILE",
                     help="A job a line of a .jsonl, .csv or .tsv file; - for JSON lines."),
        click.Option(["--matrix"], multiple=True, metavar="NAME=A,B",
                     help="Every combination; NAME=@FILE for lines."),
        click.Option(["-a", "--arg-file"], multiple=True, metavar="FILE",
                     help="A value a line; - for standard input."),
        click.Option(["-0", "--null"], is_flag=True,
                     help="Values end with NUL; from standard input by default."),
        click.Option(["--retries"], type=click.IntRange(0, 1000), metavar="N",
                     help=f"Attempts after the first (default {retries})."),
        click.Option(["--priority"], type=int, default=0, metavar="N", help="Higher ones first."),
        click.Option(["--existing"], type=click.Choice(["refuse", "adopt", "replace"]),
                     default="refuse", show_default=True,
                     help="What to do about outputs that are there already."),
        click.Option(["--replace"], is_flag=True,
                     help="The queue has just these jobs; others go."),
        click.Option(["--dry-run"], is_flag=True,
                     help="Show what would be added, and add nothing."),
        *shared,
    ]  # fmt: skip


def _adder(kind: str, own: list[str]) -> Callable[..., None]:
    """What `ledger add KIND` runs: `own` are the names of the kind's own options."""

    def run(words: tuple[str, ...], folder: Path, *, json_: bool, **options: Any) -> None:
        from ledger.queues.add import add as add_jobs
        from ledger.queues.options import AddOptions

        given = {name: options.pop(name) for name in own}
        limits = take_limits(options)
        asked = AddOptions(kind=kind, words=words, given=given, limits=limits, **options)
        report = add_jobs(folder, asked, here=Path.cwd())
        click.echo(json.dumps(report.as_dict()) if json_ else report.text())

    return run


def _refuse_shared_names(
    kind: str, own: Iterable[click.Option], common: Iterable[click.Option]
) -> None:
    """Refuse a kind one of whose options has the name of an option of every kind.

    Raises:
        LedgerError: there is one.
    """
    taken = {flag for option in common for flag in option.opts} | {"--kind", "--help", "-h"}
    if shared := sorted(taken & {flag for option in own for flag in option.opts}):
        raise LedgerError(
            f"the queue kind {kind!r} cannot be used: every kind has {', '.join(shared)}",
            remedy="give its option another name, or uninstall its package",
        )


def _refusing(kind: str, error: LedgerError) -> click.Command:
    def refuse(**_: object) -> None:
        raise error

    return click.Command(
        kind, callback=refuse, short_help=error.what, add_help_option=False,
        params=[click.Argument(["words"], nargs=-1, type=click.UNPROCESSED)],
        context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False},
    )  # fmt: skip
