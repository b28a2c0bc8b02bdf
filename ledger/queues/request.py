"""What a queue kind makes its recipe from: options, command and items, with paths made full."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import LedgerError, Problem

if TYPE_CHECKING:
    from ledger.project.load import Project
    from ledger.queues.inputs import Item
    from ledger.queues.options import AddOptions


@dataclass(frozen=True, slots=True)
class AddRequest:
    """All that a recipe is made from.

    `command` holds the words before the first `:::`, `items` what the jobs are about, and `here`
    the folder that paths on the command line are relative to.
    """

    project: Project
    options: AddOptions
    command: list[str]
    items: list[Item]
    here: Path

    @property
    def given(self) -> dict[str, Any]:
        """The values of the kind's own options."""
        return self.options.given

    def common(self) -> dict[str, Any]:
        """The fields that every recipe has, as far as options name them."""
        retries = self.options.retries
        return {"out": self.output()} | ({} if retries is None else {"retries": retries})

    def output(self) -> str:
        """The template of an output, relative to the project."""
        out, root = self.options.out, self.project.root.resolve()
        if not out:
            return ""
        if Path(out).is_absolute():
            return os.path.relpath(out, root)
        relative = os.path.relpath(self.here.resolve(), root)
        return out if relative == "." else f"{relative}/{out}"

    def folder(self) -> str:
        """The folder in which the command line stands: relative to the project if it is inside."""
        here, root = self.here.resolve(), self.project.root.resolve()
        return (here.relative_to(root) if here.is_relative_to(root) else here).as_posix()

    def file(self, name: str) -> str:
        """The full path of a file that an option names; "" stays ""."""
        return str((self.here / Path(name).expanduser()).resolve()) if name else ""

    def text_of(self, name: str | None, problems: list[Problem]) -> str:
        """The text of a file that an option names; what is wrong with it goes into `problems`."""
        if not name:
            return ""
        try:
            return (self.here / name).read_text(encoding="utf-8")
        except OSError as error:
            problems.append(Problem(name, f"cannot be read: {error.strerror}", "check the path"))
        except UnicodeDecodeError as error:
            problems.append(Problem(name, f"is not UTF-8 (byte {error.start})", "save it as UTF-8"))
        return ""

    def refuse_command(self) -> None:
        """Refuse words before `:::`, for a kind that has no use for them.

        Raises:
            LedgerError: there are some.
        """
        if self.command:
            raise LedgerError(
                f"queues of kind {self.options.kind} take no command, and there is "
                f"{' '.join(self.command)[:80]!r}",
                remedy="list values after :::, as in ::: a b c",
            )
