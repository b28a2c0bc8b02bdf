"""Queue kind `command`: its options, its recipe, and what can be checked before it runs."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ledger.errors import LedgerError, Problem
from ledger.queues.placeholders import fill, names_in, unknown_in, value_of
from ledger.queues.recipes import Recipe

if TYPE_CHECKING:
    from pathlib import Path

    import click

    from ledger.queues.inputs import Item
    from ledger.queues.request import AddRequest


@dataclass
class Command(Recipe):
    """Run a program for each value, in the folder in which it was added.

    {out} in the command is the output, which appears under its name only when the command has
    ended well; without {out}, what the command prints is the output.
    """

    argv: list[str] = field(default_factory=list)
    shell: bool = False
    cwd: str = "."  # relative to the project
    capture: bool = False  # its standard output is its output
    ok_codes: list[int] = field(default_factory=lambda: [0])
    timeout: float | None = None
    grace: float = 5.0

    usage: ClassVar[str] = "[--] COMMAND… [::: VALUE…]"
    examples: ClassVar[tuple[str, ...]] = (
        "ledger add command --name thumbs --out '{stem}.webp' -- cwebp {path} -o {out} ::: *.png",
        "ledger add command --name render --matrix lang=en,es -a list -- forge {1} --lang {lang}",
        "ledger add command --name zip -0 --arg-file - --out '{}.gz' -- gzip -c {}",
    )

    @classmethod
    def options(cls) -> list[click.Option]:
        """See `Recipe.options`."""
        import click

        return [
            click.Option(["--shell"], is_flag=True,
                         help="The command is a line for /bin/sh; values are quoted."),
            click.Option(["--ok-codes"], default="0", show_default=True, metavar="N,N",
                         help="Exit statuses that mean done."),
            click.Option(["--timeout"], type=click.FloatRange(min=0, min_open=True),
                         metavar="SECONDS", help="Of one attempt."),
        ]  # fmt: skip

    @classmethod
    def make(cls, request: AddRequest) -> Self:
        """See `Recipe.make`."""
        if not request.command:
            raise LedgerError(
                "there is no command",
                remedy="say it after --, as in: ledger add command --name x -- wc {} ::: *",
            )
        argv = _with_value(request, shell=request.given["shell"])
        used = {name for word in argv for name in names_in(word)}
        common = request.common()
        return cls(
            **common, argv=argv, shell=request.given["shell"], cwd=request.folder(),
            capture=bool(common["out"]) and "out" not in used,
            ok_codes=_codes(request.given["ok_codes"]), timeout=request.given["timeout"],
        )  # fmt: skip

    def unknown(self, item: Item) -> list[str]:
        """See `Recipe.unknown`."""
        more = ("out", "key", "queue", "attempt") if self.out else ("key", "queue", "attempt")
        return sorted({name for word in self.argv for name in unknown_in(word, item, more)})

    def preflight(self, root: Path) -> list[Problem]:
        """Report a program that is not there."""
        if self.shell or not self.argv or "{" in self.argv[0]:
            return []
        program, folder = self.argv[0], root / self.cwd
        found = (folder / program).exists() if "/" in program else shutil.which(program)
        if found:
            return []
        return [Problem(program, "is no program that can be found", "install it, or fix PATH")]

    def input_folder(self) -> str:
        """See `Recipe.input_folder`."""
        return self.cwd

    def example(self, item: Item, key: str, output: str) -> str:
        """See `Recipe.example`."""
        more = {"key": key, "out": output, "queue": "", "attempt": "1"}
        words = [fill(word, item, more, quoted=True) for word in self.argv]
        return " ".join(words) + (f" > {output}" if self.capture else "")


def _with_value(request: AddRequest, *, shell: bool) -> list[str]:
    """The command, with {} at its end if it has one value and names it nowhere."""
    argv = [" ".join(request.command)] if shell else list(request.command)
    item: dict[str, Any] = request.items[0] if request.items else {}
    used = {name for word in argv for name in names_in(word)}
    if set(item) != {"1"} or any(value_of(name, item) is not None for name in used):
        return argv
    return [f"{argv[0]} {{}}"] if shell else [*argv, "{}"]


def _codes(text: str) -> list[int]:
    try:
        return [int(code) for code in text.split(",")]
    except ValueError:
        raise LedgerError(
            f"--ok-codes {text!r} are no numbers", remedy="write them as 0,1"
        ) from None


recipe = Command
