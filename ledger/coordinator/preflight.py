"""Preflight: check all that can be checked before the first worker starts; report it together."""

from __future__ import annotations

import os
import shutil
from typing import TYPE_CHECKING

from ledger.errors import BadInputError, Problem
from ledger.planning.make import source_stamps
from ledger.planning.sites import load_site
from ledger.project.load import SETTINGS_FILE
from ledger.queues import checks
from ledger.store.plan import read_facts

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.planning.plan import Stamps
    from ledger.project.load import Project
    from ledger.store.store import Store


def check_before_spawn(
    project: Project, store: Store, queues: Iterable[int] | None = None
) -> list[str]:
    """Refuse a run that cannot succeed; returns warnings about edits after the plan.

    `queues` are the phases of the queues that the run is about; None: all.

    Raises:
        BadInputError: with every problem.
    """
    facts = read_facts(store)
    site = load_site(project.settings.site.kind)
    problems = [
        *_check_settings(project, facts.get("settings", "")),
        *_check_templates(project, site.page_templates(project)),
        *_check_folder(project),
        *site.preflight(project),
        *_check_room(project, store, facts.get("job_bytes", {})),
        *_check_embedder(project, store),
        *checks.preflight(project, store, queues),
    ]
    if problems:
        raise BadInputError(problems)
    if project.settings.site.kind == "bulk":  # without sources that could have been edited
        return []
    return _edited_since(project, facts.get("sources", {}))


def _check_templates(project: Project, names: frozenset[str]) -> list[Problem]:
    if not names:
        return []
    from ledger.project.templates import Templates  # and with it Jinja

    return Templates(project).check(names)


def _check_settings(project: Project, planned: str) -> list[Problem]:
    if project.settings_text == planned:
        return []
    return [
        Problem(
            SETTINGS_FILE,
            "was edited after the plan was made from it",
            "run `ledger init` to plan again; unchanged jobs stay done",
        )
    ]


def _check_folder(project: Project) -> list[Problem]:
    folder = project.output if project.output.exists() else project.root
    if not folder.is_dir():
        return [Problem(str(folder), "is not a folder", "move it away, or change [site] output")]
    if not os.access(folder, os.W_OK):
        return [Problem(str(folder), "cannot be written to", "correct its permissions")]
    return []


def _check_room(project: Project, store: Store, job_bytes: dict[str, int]) -> list[Problem]:
    """Check that the disk has room for the pending jobs, by the plan's estimate."""
    if not job_bytes:
        return []
    waiting = store.reports.waiting(job_bytes)
    needed = sum(max(0, row.jobs * job_bytes[row.kind] - row.bytes) for row in waiting)
    free = shutil.disk_usage(project.root).free
    if needed <= free:
        return []
    return [
        Problem(
            str(project.root),
            f"needs about {needed / 1e9:,.1f} GB more, and the disk has {free / 1e9:,.1f} GB free",
            "make room, or lower [pages] depth in ledger.toml",
        )
    ]


def _check_embedder(project: Project, store: Store) -> list[Problem]:
    """Ask the embedder only if something has to be embedded."""
    if not any(count.kind == "embed" and count.pending for count in store.counts()):
        return []
    from ledger.vectors.embedders import make_embedder  # and with it NumPy

    return make_embedder(project.root, project.settings.embedding).check()


def _edited_since(project: Project, planned: Stamps) -> list[str]:
    """Warn about what was edited since the plan: the run follows the plan."""
    now = source_stamps(project)
    what = {
        "corpus": "the corpus was edited after it was planned: this run builds the planned one",
        "templates": "templates were edited after the plan: pages that are done are not rendered again",
        "program": "the program was changed after the plan: pages that are done stay as they are",
    }
    return [
        f"{text}; `ledger init` plans with the edit"
        for name, text in what.items()
        if now[name] != planned.get(name)
    ]
