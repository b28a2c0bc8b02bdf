"""The command line: it says all of it or stops, touches nothing unasked, and its hints are true."""

from __future__ import annotations

import ast
import json
import re
import shlex
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click
import pytest
from click.testing import CliRunner

from ledger.cli.main import main
from ledger.store.connection import migrations

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(__file__).resolve().parents[2]
COMMANDS = sorted(main.commands)
PIPE_BYTES = 65_536
OF_A_RUN = ("attach", "stop")  # where none goes on they look no further
NEEDED = {
    "retry": ["--failed"],
    "add": ["--name", "x", "--", "echo"],
    "cancel": ["--only", "x"],
    "why": ["1"],
}


def test_help_touches_nothing(trial):
    """`--help` of every command in a project: no worker, no file."""
    site = trial("a")
    before = site.stamps(".")

    asked = [site.start(name, "--help") for name in COMMANDS]

    assert all("Usage: " in site.finish(process) for process in asked)
    assert site.stamps(".") == before


@pytest.mark.parametrize("name", COMMANDS)
def test_help_needs_no_project(name, tmp_path, monkeypatch):
    """Nor makes one."""
    monkeypatch.chdir(tmp_path)

    assert "Usage: " in CliRunner().invoke(main, [name, "--help"]).output
    assert [*tmp_path.iterdir()] == []


def test_a_newer_ledger_is_refused_by_all(trial):
    """Every command says so and what to do, and changes nothing."""
    site = trial("a")
    with site.store() as store:
        store.connection.execute(f"PRAGMA user_version = {len(migrations()) + 1}")
    before = (site.root / ".ledger" / "ledger.db").read_bytes()

    told = [name for name in COMMANDS if name not in OF_A_RUN]
    asked = {name: site.start(name, *NEEDED.get(name, [])) for name in told}
    said = {name: process.communicate(timeout=60) for name, process in asked.items()}

    for name, process in asked.items():
        assert process.returncode in (1, 2, 3), (name, said[name])
        assert process.returncode == 3 or "upgrade" in "".join(said[name])
    assert (site.root / ".ledger" / "ledger.db").read_bytes() == before
    assert site.ran() == []


@pytest.fixture
def many_failures(trial):
    """A project with so much to tell that a pipe cannot hold it."""
    site = trial({f"{number:03}": {} for number in range(300)})
    site.sql("INSERT INTO runs VALUES (1, 1, 2, 1, 0, 0, 0, 'failed', NULL, NULL, NULL)")
    site.sql(
        "INSERT INTO failures (job, run, worker, attempt, at, what, context, remedy) "
        "SELECT id, 1, 1, 1, 1, 'what', printf('%.500c', 'x'), 'remedy' FROM jobs"
    )
    site.sql("UPDATE jobs SET state = 'failed', attempts = 1")
    return site


def test_json_goes_whole_through_a_pipe(many_failures):
    """Also what is larger than a pipe, and to a reader who takes his time."""
    process = many_failures.start("status", "--json")

    out, _ = process.communicate(timeout=60)

    assert len(out) > 2 * PIPE_BYTES
    assert len(json.loads(out)["failures"]) == 300


@pytest.mark.parametrize("command", ["status --json", "spawn 1 --json"])
def test_a_reader_who_leaves_gets_no_traceback(many_failures, command):
    """As `| head -1` does."""
    reader = subprocess.Popen(["head", "-c", "1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    process = many_failures.start(*command.split(), stdout=reader.stdin)
    reader.stdin.close()

    _, said = process.communicate(timeout=60)
    reader.wait()

    assert "Traceback" not in said
    assert "BrokenPipe" not in said


# -- hints ------------------------------------------------------------------------------------

QUOTED = re.compile(r"`([^`]*)`")
LINE = re.compile(r"\s*(ledger .*)")
CUT = re.compile(r"  |\||;|,|\)|…|#|: ")


def texts(path: Path) -> Iterator[str]:
    """What a file shows to people: of a program its strings, with values as X; of a page what is code."""
    source = path.read_text("utf-8")
    if path.suffix == ".md":
        for number, part in enumerate(source.split("```")):  # every second one is code
            yield from part.splitlines() if number % 2 else QUOTED.findall(part)
        return
    tree = ast.parse(source)
    hidden = {id(part) for node in ast.walk(tree) for part in _not_shown(node, path)}
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            yield "".join(getattr(part, "value", "X") if isinstance(part, ast.Constant) else "X"
                          for part in node.values)  # fmt: skip
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            if id(node) not in hidden:
                yield from node.value.splitlines()


def _not_shown(node: ast.AST, path: Path) -> Iterator[ast.AST]:
    """Parts of formatted strings, and docstrings, but for those that are the commands' help."""
    if isinstance(node, ast.JoinedStr):
        yield from node.values
    elif path.name != "cli.py" and isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
        if node.body and isinstance(node.body[0], ast.Expr):
            yield node.body[0].value


def hints(text: str) -> Iterator[str]:
    """The `ledger …` commands that a text names: in backticks, or as a line, or after others."""
    for line in QUOTED.findall(text):
        yield from _commands(line)
    for line in re.split(r", then |: |; ", QUOTED.sub("", text)):
        if LINE.fullmatch(line):
            yield from _commands(line)


def _commands(line: str) -> Iterator[str]:
    for part in line.split("&&"):
        command = CUT.split(part.strip(), maxsplit=1)[0].strip()
        if command.startswith("ledger "):
            yield command


def all_hints() -> dict[str, str]:
    """Every command that a person is told to type, and where."""
    programs = [*HOME.glob("ledger/**/*.py"), *HOME.glob("worker/**/*.py")]
    pages = [HOME / "README.md", *HOME.glob("docs/*.md")]
    return {
        hint: str(path.relative_to(HOME))
        for path in programs + pages
        for text in texts(path)
        for hint in hints(text)
    }


HINTS = all_hints()


def parse(hint: str) -> None:
    """Have click parse it, without running it."""
    name, *arguments = shlex.split(hint)[1:]
    arguments = ["1" if part == "N" else part for part in arguments]
    assert name in main.commands, f"there is no `ledger {name}`"
    if not arguments:  # it is only called by its name
        return
    with click.Context(main) as context, suppress(click.exceptions.Exit):  # --help ends it
        main.commands[name].make_context(name, arguments, parent=context)


@pytest.mark.parametrize("hint", sorted(HINTS))
def test_every_hint_can_be_typed(hint):
    """Command, options and arguments exist."""
    parse(hint)


def test_hints_are_found_and_nonsense_is_not_one():
    """The search sees what it should, and the check refuses what is not there."""
    assert {"ledger retry --failed", "ledger init", "ledger doctor --fix"} <= HINTS.keys()
    assert [*hints("then: ledger retry --all --kind X, then ledger spawn")] == [
        "ledger retry --all --kind X",
        "ledger spawn",
    ]
    for nonsense in ("ledger jobs work", "ledger spawn --force"):
        with pytest.raises((AssertionError, click.UsageError)):
            parse(nonsense)


# -- remedies ---------------------------------------------------------------------------------


def follow(site, said):
    """Type every command of the remedies in what was said, in their order, and build."""
    lines = [line for line in said.splitlines() if "remedy" in line or "after the fix" in line]
    typed = [hint for line in lines for hint in hints(line)]
    assert typed, said
    for hint in dict.fromkeys([*typed, "ledger spawn"]):
        site.run(*shlex.split(hint)[1:])


def edit_settings(site):
    """After the plan."""
    with (site.root / "ledger.toml").open("a") as file:
        file.write("[pages]\ndepth = 3\n")


def fail_once(site):
    """A job that is cured by the time it is put back."""
    site.order("b", "1 / 0", once=True)


@pytest.mark.parametrize(("trouble", "code"), [(edit_settings, 2), (fail_once, 1)])
def test_remedies_cure(trial, trouble, code):
    """What `spawn` prints as the way out leads out."""
    site = trial("ab")
    trouble(site)

    follow(site, site.run("spawn", 1, expect=code))

    assert site.column("state") == "done done"


def test_the_remedy_for_what_is_no_ledger(trial):
    """Moved away, as it says, and planned again."""
    site = trial("ab")
    for path in (site.root / ".ledger").glob("ledger.db*"):
        path.unlink()
    (site.root / ".ledger" / "ledger.db").write_bytes(b"no ledger at all" * 500)

    said = site.run("spawn", 1, expect=2)
    assert "move it away" in said
    (site.root / ".ledger" / "ledger.db").rename(site.root / "away")
    follow(site, said)

    assert site.column("state") == "done done"


def test_the_remedy_outside_a_project(tmp_path):
    """`ledger init` there, or -C DIR."""
    command = [sys.executable, "-m", "ledger", "status"]
    said = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    assert said.returncode == 2
    assert [*hints(said.stderr)] == ["ledger init"]
    assert "-C DIR" in said.stderr
