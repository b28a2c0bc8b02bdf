"""Expand items into jobs: keys, fingerprints, outputs, and every problem of every item."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from ledger.errors import BadInputError, Problem
from ledger.files import PathOwners
from ledger.project.load import SETTINGS_FILE, STATE_FOLDER
from ledger.queues.placeholders import shown
from ledger.queues.recipes import (
    job_fingerprint,
    key_of,
    output_of,
    recipe_fingerprint,
    unknown_in_output,
)
from ledger.store.queues import QueueJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ledger.project.load import Project
    from ledger.queues.inputs import Item
    from ledger.queues.options import AddOptions
    from ledger.queues.recipes import Recipe

SHOWN_PROBLEMS = 20


def make_jobs(
    project: Project,
    options: AddOptions,
    recipe: Recipe,
    items: Iterable[Item],
    axes: Sequence[str] = (),
) -> tuple[list[QueueJob], int]:
    """Make a job for each item; returns them, and how many were listed more than once.

    Raises:
        BadInputError: with every problem of every item.
    """
    jobs: dict[str, QueueJob] = {}
    outputs = PathOwners()
    problems: dict[str, Problem] = {}
    duplicates, mark = 0, recipe_fingerprint(options.kind, recipe)
    folder = os.path.normpath(project.root / recipe.input_folder())
    for number, item in enumerate(items, start=1):
        unknown = sorted({*recipe.unknown(item), *unknown_in_output(recipe, item)})
        if unknown:
            problems.setdefault(str(unknown), _unknown(number, unknown, item))
            continue
        job = _job(mark, folder, recipe, item, key_of(item, options.key, axes))
        known = jobs.setdefault(job.key, job)
        if known is not job:
            if known.record == item:
                duplicates += 1
            else:
                problems[f"key {job.key}"] = _shared_key(number, job.key)
            continue
        if job.output:
            for problem in _problems_of_output(project, recipe, job, outputs):
                problems.setdefault(f"{problem.where} {problem.what}", problem)
    if not jobs and not problems:
        problems["none"] = Problem(options.name, "there is nothing to do", "list values after :::")
    if problems:
        raise BadInputError(some_of(list(problems.values())))
    return list(jobs.values()), duplicates


def _job(mark: str, folder: str, recipe: Recipe, item: Item, key: str) -> QueueJob:
    tokens_in, tokens_out = recipe.tokens(item)
    return QueueJob(
        key=key,
        fingerprint=job_fingerprint(mark, item, folder),
        record=item,
        output=os.path.normpath(output_of(recipe, item, key)) if recipe.out else "",
        tokens_in=tokens_in,
        tokens_out=tokens_out,
    )


def _unknown(number: int, unknown: list[str], item: Item) -> Problem:
    names = ", ".join(shown(name) if name.isidentifier() or not name else name for name in unknown)
    there = ", ".join(shown(name) for name in item) or "none"
    return Problem(
        f"item {number}", f"has nothing for {names}",
        f"there are: {there}, and {{path}} {{name}} {{stem}} {{ext}} {{dir}} of a single value; "
        "a brace that is text is written twice",
    )  # fmt: skip


def _shared_key(number: int, key: str) -> Problem:
    return Problem(
        f"item {number}",
        f"has the key {key!r} of another item",
        "tell them apart: --key '{id}-{lang}'",
    )


def _problems_of_output(
    project: Project, recipe: Recipe, job: QueueJob, outputs: PathOwners
) -> list[Problem]:
    """Why a job cannot have that output: outside the project, of another job, or its own input."""
    path, problems = job.output, []
    parts = path.split("/")
    if parts[0] in ("", ".."):
        problems.append(("is outside the project", f"keep it below {project.root}"))
    if parts[0].casefold() in (STATE_FOLDER, ".git"):
        problems.append((f"lies in {parts[0]}/, which holds other things", "choose another folder"))
    if path.casefold() == SETTINGS_FILE or path in ("", "."):
        problems.append(("cannot be an output", "choose another name"))
    if any(not part.isprintable() or len(os.fsencode(part)) > 255 for part in parts):
        problems.append(("is no name for a file everywhere", "choose another name"))
    folder = recipe.input_folder()
    inputs = [value for value in job.record.values() if isinstance(value, str)]
    if any(os.path.normpath(f"{folder}/{value}") == path for value in inputs):
        problems.append(("is also what the job reads", "give the output another name"))
    if conflict := outputs.claim(path, job.key):
        what = f"would be written by both {conflict.owner!r} and {job.key!r}"
        problems.append((what, "let --out tell them apart, as in '{stem}.{lang}.mp4'"))
    return [Problem(path, what, remedy) for what, remedy in problems]


def some_of(problems: list[Problem]) -> list[Problem]:
    """All of them, or as many as a person can read and how many more there are."""
    more = len(problems) - SHOWN_PROBLEMS
    if more <= 0:
        return problems
    rest = Problem("…", f"and {more:,} more like these", "fix these first")
    return [*problems[:SHOWN_PROBLEMS], rest]
