"""`ledger doctor`: what it prints, writes and refuses, whatever it finds."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

import pytest
from health.conftest import flip

from ledger.coordinator.progress import ProgressBar

if TYPE_CHECKING:
    from pathlib import Path

    from health.conftest import DamagedSite

CHECKS = [
    "sqlite", "filesystem", "integrity", "schema", "references", "counters", "plan", "temporary",
    "leases", "workers", "stale_outputs", "files", "vectors", "space", "rankings", "runs", "ready", "queues",
    "inodes", "open files", "processes",
]  # fmt: skip


def test_a_sound_project_is_told_so(site: DamagedSite) -> None:
    """Every check reports what it examined; exit 0."""
    health = site.look()

    assert CHECKS == list(dict.fromkeys(item["check"] for item in health.document["findings"]))
    assert set() == health.failing
    assert 0 == health.exit
    assert "all is well" in site.run("doctor")


def test_a_plan_that_is_not_built_is_sound(planned: DamagedSite) -> None:
    """Nothing is missing before the first build."""
    assert set() == planned.look().failing


@pytest.mark.parametrize("state", ["sound", "damaged"])
def test_looking_writes_nothing(site: DamagedSite, state: str) -> None:
    """Neither a file nor a folder changes, whatever is found."""
    if state == "damaged":
        flip(site.root / "site" / "index.html")
        (site.root / "site" / ".9.1.ledger-tmp").touch()
    before = site.everything()

    site.look()

    assert before == site.everything()


def test_json_has_a_stable_shape(site: DamagedSite) -> None:
    """Scripts find the same fields in every finding, and in what was fixed."""
    (site.root / "site" / ".9.1.ledger-tmp").touch()

    document = site.look("--fix").document

    assert ["exit", "summary", "findings", "fixed"] == list(document)
    assert ["ok", "note", "warning", "error"] == list(document["summary"])
    fields = ["check", "severity", "what", "where", "remedy"]
    assert all(fields == list(item) for item in document["findings"])
    assert [*fields, "done"] == list(document["fixed"][0])


def test_the_text_names_what_where_and_the_remedy(site: DamagedSite) -> None:
    """For people, with what was fixed and how many are left."""
    (site.root / "site" / "index.html").unlink()

    report = site.run("doctor", expect=1)

    assert "error    files       site/index.html is missing" in report
    assert "remedy      ledger doctor --fix" in report
    assert "21 checks: 1 error" in report
    fixed = site.run("doctor", "--fix")
    assert "fixed    files       site/index.html is missing: `ledger spawn` builds it" in fixed


def test_many_findings_are_cut_short_in_the_text(site: DamagedSite) -> None:
    """A screen is not flooded; JSON has all of them."""
    pages = list((site.root / "site").rglob("*.html"))
    for page in pages:
        page.unlink()

    assert f"… and {len(pages) - 10} more" in site.run("doctor", expect=1)
    assert len(pages) == len(site.look().bad("files"))


def test_fix_and_verify_are_refused_while_another_builds(site: DamagedSite) -> None:
    """With the words and the exit code of `spawn`; looking is allowed."""
    flip(site.root / "site" / "index.html")
    with site.building():
        refusals = [
            site.run(*command, expect=3) for command in (["spawn"], ["doctor", "--fix"], ["verify"])
        ]
        assert "a build is in progress" in site.run("doctor", expect=1)

    assert 1 == len(set(refusals))
    assert "is at work on" in refusals[0]


def test_outside_a_project_and_without_a_ledger(site: DamagedSite, tmp_path: Path) -> None:
    """Exit 2 with the remedy, as the other commands do."""
    for path in site.path.parent.glob("ledger.db*"):
        path.unlink()

    for command in (["doctor"], ["doctor", "--fix"], ["verify"]):
        assert "ledger init" in site.run(*command, expect=2)
        assert "no ledger.toml" in site.run(*command, "-C", tmp_path, expect=2)


def test_help_stays_quick() -> None:
    """The command line loads none of this before it is asked for."""
    code = "import sys, ledger.cli; print([m for m in sys.modules if 'health' in m])"
    command = [sys.executable, "-c", code]

    assert "[]\n" == subprocess.run(command, check=True, capture_output=True, text=True).stdout


def read_to_end(terminal: int) -> bytes:
    """Read all that was written to a terminal that is closed: it arrives in several parts."""
    parts = []
    with suppress(OSError):  # the end of a terminal is an error
        while part := os.read(terminal, 10_000):
            parts.append(part)
    return b"".join(parts)


def test_a_bar_is_drawn_on_a_terminal_only(tmp_path: Path) -> None:
    """And in a file there is a line, after five seconds at the earliest."""
    ours, theirs = pty.openpty()
    with os.fdopen(theirs, "w") as terminal, ProgressBar("looking", 4, terminal, after=0) as bar:
        bar.advance(3)
        bar.advance(1)
    drawn = read_to_end(ours).decode()
    os.close(ours)
    with (tmp_path / "log").open("w") as log, ProgressBar("looking", 4, log, after=0) as bar:
        bar.advance(4)

    assert "looking" in drawn
    assert "4/4" in drawn
    assert "" == (tmp_path / "log").read_text()
