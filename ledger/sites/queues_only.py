"""The kind of site of a project that has nothing but queues: made from nothing, without pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.planning.plan import Plan

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.errors import Problem
    from ledger.planning.plan import Known, Stamp
    from ledger.project.load import Project
    from ledger.store.claims import Store

SETTINGS = """\
# Settings of this Ledger project: queues of work. See docs/queues.md.

[site]
kind = "bulk"                  # no pages, only what `ledger add` adds

[llm]                          # for queues of kind llm; the key stays in the environment
url = "https://api.openai.com/v1"
model = ""
api_key_env = "OPENAI_API_KEY"

[prices]                       # of a million tokens; a budget in money needs them
# "some-model" = { input = 0.15, output = 0.60 }
"""


class QueuesPlan(Plan):
    """A plan without documents."""

    embeds = False


def source_stamps(project: Project) -> Iterable[Stamp]:
    """Nothing."""
    del project
    return ()


def page_templates(project: Project) -> frozenset[str]:
    """None."""
    del project
    return frozenset()


def preflight(project: Project) -> list[Problem]:
    """None of its own."""
    del project
    return []


def finish(project: Project, store: Store) -> str:
    """Nothing."""
    del project, store
    return ""


def begin_plan(project: Project, known: Known) -> Plan:
    """A plan of nothing."""
    return QueuesPlan(project, [], known)
