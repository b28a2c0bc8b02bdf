"""Make a plan: every kind of the site plans its jobs; all problems are reported together."""

from __future__ import annotations

import gc
import traceback
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from ledger.corpus.formats import FORMATS
from ledger.errors import BadInputError, LedgerError, Problem
from ledger.files import find_conflicts, resource
from ledger.fingerprint import fingerprint
from ledger.jobs import Planned
from ledger.planning.kinds import (
    KINDS,
    broken_kinds,
    kinds_of_site,
    module_of,
    phases,
)
from ledger.planning.plan import stamp
from ledger.planning.sites import load_site
from ledger.project.settings import STATE_FOLDER
from ledger.project.sites import SITES
from ledger.store.plan import PlannedJob

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.planning.kinds import Kind
    from ledger.planning.plan import Known, Plan, Stamps
    from ledger.project.settings import Project

# It holds the version, so every installation writes it.
VERSION_FILE = Path(__file__).resolve().parents[1] / "__init__.py"


def source_stamps(project: Project) -> Stamps:
    """Digests of (name, size, modification time in ns) of all files that the plan is made from.

    They are cheap to compute: `init` skips planning if no file was touched, and `spawn` detects
    edits after the plan.
    """
    own = sorted(path for path in project.templates.rglob("*") if path.is_file())
    shipped = sorted(path for path in resource("templates").rglob("*.*") if path.is_file())
    added = [path for registry in (KINDS, SITES, FORMATS) for path in registry.files()]
    return {
        "corpus": fingerprint(list(load_site(project.settings.site.kind).source_stamps(project))),
        "templates": fingerprint([stamp(path, project.root) for path in own]),
        "program": fingerprint(
            [stamp(path, path.parent) for path in [VERSION_FILE, *shipped, *added]]
        ),
    }


def is_planned(project: Project, facts: dict[str, Any], sources: Stamps) -> bool:
    """Whether the plan that wrote `facts` was made from the present settings and files."""
    return facts.get("settings") == project.settings_text and facts.get("sources") == sources


def make_plan(project: Project, known: Known, sources: Stamps | None = None) -> Plan:
    """Read the site's sources and let each of its kinds plan its jobs.

    `sources` are the stamps of its files, if they were already taken.

    Raises:
        BadInputError: with every problem of corpus and plan.
    """
    gc.disable()  # a plan is a million objects that all stay: scanning them repeatedly frees none
    try:
        return _make_plan(project, known, sources or source_stamps(project))
    finally:
        gc.enable()


def _make_plan(project: Project, known: Known, sources: Stamps) -> Plan:
    kinds = kinds_of_site(project.settings.site.kind)
    phase_of = phases(kinds)
    plan = load_site(project.settings.site.kind).begin_plan(project, known)
    plan.sources = sources
    plan.kinds = {name: module_of(name) for name in kinds}
    plan.notes += _skipped(known)
    for name, kind in kinds.items():
        for planned in _planned(name, kind, plan):
            _refuse_stranger(name, planned)
            plan.jobs.append(PlannedJob(name, phase_of[name], planned))
    problems = [*_shared_keys(plan.jobs), *_shared_outputs(plan.jobs), *_stray_outputs(plan)]
    if problems:
        raise BadInputError(problems)
    return plan


def _skipped(known: Known) -> list[Problem]:
    """Problems of broken kinds, as notes, unless this site has jobs of such a kind.

    Raises:
        BadInputError: it has; without their kind, jobs would leave the plan and their pages be deleted.
    """
    broken = broken_kinds()
    if ours := [problem for name, problem in broken.items() if known.jobs(name)]:
        raise BadInputError(ours)
    return list(broken.values())


def _planned(name: str, kind: Kind, plan: Plan) -> Iterator[Planned]:
    """Yield the jobs that a kind plans; an exception of its code becomes a problem that names it."""
    try:
        yield from kind.plan(plan)
    except LedgerError:
        raise
    except Exception as error:
        if (problem := _template_problem(error) or _failure(name, error)) is None:
            raise
        raise BadInputError([problem]) from error


def _refuse_stranger(name: str, planned: object) -> None:
    """Refuse what is not a `Planned`: kinds of other packages may yield anything.

    Raises:
        BadInputError: it is none.
    """
    if not isinstance(planned, Planned):
        what = f"plans {planned!r:.80}, which is not a ledger.jobs.Planned"
        raise BadInputError([KINDS.problem(name, what)])


def _template_problem(error: Exception) -> Problem | None:
    """Describe an error in a template that a kind asked for."""
    import jinja2

    if isinstance(error, jinja2.TemplateSyntaxError):
        where = f"templates/{error.name}:{error.lineno}"
        return Problem(where, str(error.message), "fix the template")
    if isinstance(error, jinja2.TemplateNotFound):
        remedy = "add the file, or fix the kind or template that names it"
        return Problem(f"templates/{error.name}", "is not there", remedy)
    return None


def _failure(name: str, error: Exception) -> Problem | None:
    """Describe an exception in another package's code.

    An exception of our own code keeps its traceback; an OSError is reported as such anywhere.
    """
    if KINDS.package_of(name) == "ledger" or isinstance(error, OSError):
        return None
    frame = traceback.extract_tb(error.__traceback__)[-1]
    what = f"fails to plan: {type(error).__name__}: {error} ({frame.filename}:{frame.lineno})"
    return KINDS.problem(name, what)


def _shared_keys(jobs: Iterable[PlannedJob]) -> list[Problem]:
    seen: set[tuple[str, str]] = set()
    problems = []
    for job in jobs:
        if job.name in seen:
            problems.append(
                Problem("/".join(job.name), "is planned twice", f"fix the kind {job.kind!r}")
            )
        seen.add(job.name)
    return problems


def _stray_outputs(plan: Plan) -> list[Problem]:
    """Report outputs outside of the output and state folders, the only ones written to."""
    output = PurePosixPath(plan.settings.site.output).as_posix()
    homes = (f"{output}/", f"{STATE_FOLDER}/")
    return [
        Problem(path, f"is outside of {homes[0]}", f"fix the kind {job.kind!r}")
        for job in plan.jobs
        for path in job.planned.outputs
        if not path.startswith(homes) or (".." in path and ".." in path.split("/"))
    ]


def _shared_outputs(jobs: Iterable[PlannedJob]) -> list[Problem]:
    """Report output paths that two jobs claim; both are named."""
    claims = ((path, "/".join(job.name)) for job in jobs for path in job.planned.outputs)
    return [
        Problem(
            path,
            f"would be written by both {owner} and {claimant}",
            "rename one of the two documents, or exclude one in [corpus] exclude",
        )
        for path, owner, claimant in find_conflicts(claims)
    ]


def snapshot(plan: Plan) -> dict[str, Any]:
    """Return the arguments of `store.plan.replan` for this plan."""
    return {
        "jobs": plan.jobs,
        "documents": plan.documents,
        "facts": plan.facts,
        "notes": plan.notes,
        "max_attempts": plan.settings.workers.max_attempts,
    }
