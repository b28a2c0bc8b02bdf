"""`ledger doctor`: check everything that can be wrong with a project; fix what can be fixed safely."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import click

from ledger.errors import Exit, LedgerError
from ledger.health import Check, Looked, examine, fix
from ledger.health.finding import Finding, Severity
from ledger.project.lock import coordinator_lives, sole_coordinator
from ledger.store.store import Store
from ledger.text import counted

if TYPE_CHECKING:
    from ledger.project.load import Project

    Fixed = tuple[Check, Finding]

SHOWN_FINDINGS = 10
NAME_WIDTH = 11
COLOURS = {
    Severity.OK: "green",
    Severity.NOTE: "cyan",
    Severity.WARNING: "yellow",
    Severity.ERROR: "red",
}


def check_health(project: Project, *, fix: bool, as_json: bool) -> Exit:
    """Print the findings of all checks; return the exit code. Only with `fix` is anything written.

    Raises:
        LockedError: with `fix`, while another process plans or builds.
        LedgerError: there is no ledger.
    """
    fixed: list[Fixed] = []
    if fix:
        with sole_coordinator(project):
            looked, fixed = _fix(project)
    else:
        looked = examine(project, building=coordinator_lives(project))
    code = Exit.FAILED if any(item.bad for item in looked) else Exit.DONE
    if as_json:
        click.echo(json.dumps(_as_dict(looked, fixed, code), ensure_ascii=False))
    else:
        click.echo("\n".join(_lines(looked, fixed)))
    return code


def _fix(project: Project) -> tuple[list[Looked], list[Fixed]]:
    """Check, fix, check again; a finding that is gone was fixed."""
    with suppress(LedgerError):  # opening rolls back the transaction of a killed writer
        Store(project.ledger_path).close()
    before = examine(project, building=False)
    if not any(item.bad and item.check.fix for item in before):
        return before, []
    with Store(project.ledger_path) as store:
        fix(project, store, before)
    after = examine(project, building=False)
    left = {(item.check.name, finding) for item in after for finding in item.bad}
    return after, [
        (item.check, finding)
        for item in before
        if item.check.fix
        for finding in item.bad
        if (item.check.name, finding) not in left
    ]


# -- printing ---------------------------------------------------------------------------------


def _as_dict(looked: list[Looked], fixed: list[Fixed], code: Exit) -> dict[str, Any]:
    return {
        "exit": int(code),
        "summary": {str(severity): count for severity, count in _summary(looked).items()},
        "findings": [
            {"check": item.check.name, **finding.as_dict()}
            for item in looked
            for finding in item.findings
        ],
        "fixed": [
            {"check": check.name, **finding.as_dict(), "done": check.done}
            for check, finding in fixed
        ],
    }


def _summary(looked: list[Looked]) -> dict[Severity, int]:
    counts = Counter(finding.severity for item in looked for finding in item.findings)
    return {severity: counts[severity] for severity in Severity}


def _lines(looked: list[Looked], fixed: list[Fixed]) -> list[str]:
    lines = [line for item in looked for line in _check_lines(item)]
    lines += [
        f"{click.style('fixed  ', fg='green')}  {check.name:{NAME_WIDTH}} {finding.what}: {check.done}"
        for check, finding in fixed[:SHOWN_FINDINGS]
    ]
    if len(fixed) > SHOWN_FINDINGS:
        lines.append(f"         … and {len(fixed) - SHOWN_FINDINGS:,} more")
    return [*lines, "", _verdict(looked, fixed)]


def _check_lines(item: Looked) -> list[str]:
    lines = []
    for finding in item.findings[:SHOWN_FINDINGS]:
        mark = click.style(f"{finding.severity:7}", fg=COLOURS[finding.severity])
        lines.append(f"{mark}  {item.check.name:{NAME_WIDTH}} {finding.what}")
        if finding.severity != Severity.OK:
            parts = (("where", finding.where), ("remedy", finding.remedy))
            lines += [f"{'':9}{name:{NAME_WIDTH}} {text}" for name, text in parts if text]
    if len(item.findings) > SHOWN_FINDINGS:
        more = len(item.findings) - SHOWN_FINDINGS
        lines.append(f"{'':9}… and {more:,} more: ledger doctor --json")
    return lines


def _verdict(looked: list[Looked], fixed: list[Fixed]) -> str:
    counts = _summary(looked)
    parts = [
        counted(counts[severity], str(severity))
        for severity in (Severity.ERROR, Severity.WARNING, Severity.NOTE)
        if counts[severity]
    ]
    fixes = f"{len(fixed):,} fixed, " if fixed else ""
    return f"{counted(len(looked), 'check')}: {fixes}{', '.join(parts) or 'all is well'}"
