"""Removing what no job owns any more: leftovers of an older plan, temp files of the dead."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

from ledger.project import STATE_FOLDER

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ledger.db import Database
    from ledger.project import Project

TEMPORARY_SUFFIX = ".ledger-tmp"


def remove_leftovers(project: Project, database: Database) -> int:
    """Delete the files whose jobs are gone from the plan, and folders left empty by that.

    They are noted in the ledger when the plan is made and forgotten when they are deleted,
    so that being killed in between loses nothing.
    """
    paths = [row["path"] for row in database.rows("leftovers")]
    for path in paths:
        _remove(project, project.root / path)
    with database.immediate():
        database.run_many("clear_leftovers", [{"path": path} for path in paths])
    return len(paths)


def _remove(project: Project, path: Path) -> None:
    homes = [project.output.resolve(), project.state.resolve()]
    folder = path.parent.resolve()
    if not any(folder == home or home in folder.parents for home in homes):
        return  # a link leads elsewhere: what is there is not ours to delete
    with suppress(FileNotFoundError, NotADirectoryError):
        (folder / path.name).unlink()
    while folder not in homes and any(home in folder.parents for home in homes):
        try:
            folder.rmdir()
        except OSError:
            return
        folder = folder.parent


def remove_temporary_files(project: Project, dead: Iterable[int]) -> int:
    """Delete the temp files of dead workers; a live one's are still being written."""
    prefixes = tuple(f".{worker}." for worker in dead)
    removed = 0
    if not prefixes:
        return 0
    for home in (project.output, project.root / STATE_FOLDER):
        for folder, _, names in os.walk(home):
            for name in names:
                if name.endswith(TEMPORARY_SUFFIX) and name.startswith(prefixes):
                    with suppress(FileNotFoundError):
                        os.unlink(os.path.join(folder, name))  # noqa: PTH108, PTH118
                        removed += 1
    return removed
