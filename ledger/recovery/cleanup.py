"""Cleanup: stale outputs of an older plan, and temporary files of dead workers."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING

from ledger.files import TEMPORARY_SUFFIX
from ledger.project.load import STATE_FOLDER
from ledger.store import plan

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from ledger.project.load import Project
    from ledger.store.store import Store


def remove_stale_outputs(project: Project, store: Store) -> int:
    """Delete the files whose jobs are gone from the plan, and the folders that this empties.

    They are recorded in the ledger when the plan is made and removed from it once they are deleted,
    so that a kill in between loses nothing. Return how many were deleted.
    """
    former = [project.root / home for home in plan.read_facts(store).get("homes", [])]
    homes = {home.resolve() for home in (project.output, project.state, *former)}
    paths = plan.stale_outputs(store)
    gone = [path for path in paths if _remove(project.root / path, homes)]
    with store.immediate():
        plan.clear_stale_outputs(store, gone)
    return len(gone)


def _remove(path: Path, homes: set[Path]) -> bool:
    """Delete one file below one of `homes`, and the folders that it leaves empty there."""
    folder = path.parent.resolve()
    if not any(folder.is_relative_to(home) for home in homes):
        return False  # a link or the path leads elsewhere: that file is not ours to delete
    with suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
        (folder / path.name).unlink()
    while folder not in homes:
        try:
            folder.rmdir()
        except FileNotFoundError:
            pass
        except OSError:
            break
        folder = folder.parent
    return True


def remove_temporary_files(project: Project, living: Iterable[int]) -> int:
    """Delete the temporary files of all workers but the live ones, which still write theirs."""
    living = tuple(living)
    for scratch in (project.state / "scratch").glob("*"):
        if scratch.name not in {str(worker) for worker in living}:
            shutil.rmtree(scratch, ignore_errors=True)
    prefixes = tuple(f".{worker}." for worker in living)
    removed = 0
    for home in (project.output, project.root / STATE_FOLDER):
        for folder, _, names in os.walk(home):
            for name in names:
                if name.endswith(TEMPORARY_SUFFIX) and not name.startswith(prefixes):
                    with suppress(FileNotFoundError):
                        os.unlink(os.path.join(folder, name))  # noqa: PTH108, PTH118
                        removed += 1
    return removed
