"""The site of a project that has only queues: no sources, no pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.planning.sites import Site
from ledger.project.settings import SETTINGS_FILE

if TYPE_CHECKING:
    from pathlib import Path

    from ledger.planning.plan import Known, Plan
    from ledger.project.settings import Project
    from ledger.project.starter import Files

_SETTINGS = """\
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


class QueuesOnly(Site):
    """No documents and no pages: only what `ledger add` adds."""

    def new_files(self, root: Path, source: Path | None, title: str) -> Files:
        """Return the settings file, which is all that queues need."""
        del root, source, title
        return {SETTINGS_FILE: _SETTINGS}

    def begin_plan(self, project: Project, known: Known) -> Plan:
        """Return an empty plan."""
        from ledger.planning.plan import Plan

        return Plan(project, [], known)
