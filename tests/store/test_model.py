"""The model of the lease protocol (docs/lease.pml): spin finds nothing wrong with it, and all that is broken."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from ledger.store.connection import queries

DOCS = Path(__file__).resolve().parents[2] / "docs"
MODEL = DOCS / "lease.pml"
MISSING = [tool for tool in ("spin", "gcc") if shutil.which(tool) is None]
needs_spin = pytest.mark.skipif(bool(MISSING), reason=f"needs Debian's {' and '.join(MISSING)}")

How = tuple[list[str], list[str]]  # to compile the checker, and to call it
SAFE: How = (["-DSAFETY", "-DNOCLAIM"], [])  # assertions, and ends at which somebody waits
FAIR: How = ([], ["-a", "-f"])  # fair runs that never come to what is promised
BOUNDS = ["-m100000", "-w18"]  # depth, and slots in the table of states


def check(folder: Path, how: How, *defines: str) -> str:
    """What the checker that spin makes of the model says; it may use 256 MB."""
    compile_options, options = how
    for command in (
        ["spin", *defines, "-a", str(MODEL)],
        ["gcc", "-w", "-DMEMLIM=256", *compile_options, "-o", "pan", "pan.c"],
        ["./pan", *BOUNDS, *options],
    ):
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, timeout=100, check=False
        )
        assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.mark.slow
@needs_spin
def test_nothing_wrong_ever_happens(tmp_path: Path) -> None:
    """In no order of events is a job settled twice, or by who does not hold it, or lost.

    All states are looked at, and all parts of the model are reached: what it asserts was tested.
    """
    said = check(tmp_path, SAFE)

    assert "errors: 0" in said
    assert "max search depth too small" not in said
    unreached = re.findall(r"unreached in (?:proctype \w+|init)\n\t\((\d+) of", said)
    assert ["0"] * 3 == unreached


@pytest.mark.slow
@needs_spin
def test_every_job_is_done_in_the_end(tmp_path: Path) -> None:
    """When somebody lives and is given time; two workers, since this looks at cycles of states."""
    said = check(tmp_path, FAIR, "-DWORKERS=2")

    assert "errors: 0" in said
    assert "max search depth too small" not in said


@pytest.mark.slow
@needs_spin
@pytest.mark.parametrize(
    ("mutant", "how", "what"),
    [
        ("NO_FENCE", FAIR, "assertion violated (holder[j]==number)"),
        ("REUSED_TOKENS", SAFE, "assertion violated (holder[j]==number)"),
        ("SPLIT_CLAIM", SAFE, "assertion violated (state[j]=="),
        ("NO_SECOND_LOOK", SAFE, "assertion violated (expired&(1<<t))"),
        ("NO_RELEASE", SAFE, "invalid end state"),
        ("NO_RELEASE", FAIR, "acceptance cycle"),
    ],
)
def test_a_broken_protocol_is_found_out(tmp_path: Path, mutant: str, how: How, what: str) -> None:
    """Without one of its parts the model is rejected, for the reason that the part is there for."""
    said = check(tmp_path, how, f"-D{mutant}")

    assert "errors: 1" in said
    assert what in said


def labels() -> dict[str, list[str]]:
    """The labels of the model, and the statements that they stand for."""
    found = re.findall(r"/\* @([a-z_.]+): ([a-z_, ]+) \*/", MODEL.read_text(encoding="utf-8"))
    return {label: statements.split(", ") for label, statements in found}


def test_the_model_is_of_these_statements() -> None:
    """Every label stands for statements that there are; the table in the docs has all of them."""
    text = (DOCS / "architecture.md").read_text(encoding="utf-8")
    section = text.partition("\n## The model\n")[2].partition("\n## ")[0]
    table = {
        label: re.findall(r"`(\w+)`", statements)
        for label, statements in re.findall(r"^\| `([a-z_.]+)` \|.*\| (.+) \|$", section, re.M)
    }

    assert labels() == table
    assert set() == {name for names in table.values() for name in names} - {*queries()}
