"""Queue kinds: found by registry, one file each, and options that are theirs alone."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import pytest
from click.testing import CliRunner

from ledger.cli.main import main
from ledger.process.http import requested_wait
from ledger.queues.kinds import SHIPPED, module_of, recipe_of, recipe_type
from ledger.queues.limits import QueueLimits, SpawnLimits, declared, parse_limits
from ledger.queues.recipes import recipe_fingerprint
from ledger.store.queues import LIMITS

if TYPE_CHECKING:
    from collections.abc import Sequence

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "queue-kinds.md").read_text("utf-8")
KINDS = ("command", "llm", "http")


def fenced(language: str) -> str:
    """The one block of that language on the page."""
    (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    return str(text)


@dataclass
class Installed:
    """An empty folder, and packages that only commands started here have installed."""

    folder: Path
    packages: Path

    def install(self, kind: str, code: str) -> None:
        """Install a package with one module, of one kind."""
        self._write(kind, code, f"[ledger.queue_kinds]\n{kind} = {kind}\n")

    def install_page(self) -> None:
        """Install just what stands on the page."""
        points = tomllib.loads(fenced("toml"))["project"]["entry-points"]
        (group,) = points
        ((kind, module),) = points[group].items()
        self._write(module, fenced("python"), f"[{group}]\n{kind} = {module}\n")

    def _write(self, module: str, code: str, points: str) -> None:
        home = self.packages / f"{module}-1.dist-info"
        home.mkdir(parents=True)
        (self.packages / f"{module}.py").write_text(code, "utf-8")
        (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n")
        (home / "entry_points.txt").write_text(points)

    def run(self, *words: str, expect: int = 0) -> str:
        """Run `ledger`; both its streams."""
        done = subprocess.run(
            [sys.executable, "-m", "ledger", *words], cwd=self.folder, text=True, timeout=60,
            env={**os.environ, "PYTHONPATH": str(self.packages), "COLUMNS": "100"},
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False,
        )  # fmt: skip
        assert done.returncode == expect, done.stdout
        return done.stdout


@pytest.fixture
def installed(tmp_path: Path) -> Installed:
    """A folder of its own for the project, and one for packages."""
    (tmp_path / "work").mkdir()
    return Installed(tmp_path / "work", tmp_path / "packages")


def test_the_kind_on_the_page_works(installed: Installed) -> None:
    """Its code and its entry point, installed as they stand there, are a kind with its own help."""
    installed.install_page()

    said = installed.run("add", "shout", "--help")
    assert "--times" in said and "Write each value in capitals" in said and "--prompt" not in said
    assert re.search(r"^ +shout +Write each value", installed.run("add", "--help"), re.MULTILINE)
    installed.run("add", "shout", "--name", "s", ":::", "a", "b")
    installed.run("spawn", "2", "-q")
    results = [json.loads(line)["result"] for line in installed.run("export", "s").splitlines()]
    assert sorted(results) == ["A", "B"]


def test_a_kind_of_a_package_has_all_that_the_others_have(installed: Installed) -> None:
    """Its option, --out, --dry-run, the old --kind, and no work that is done already."""
    installed.install_page()
    words = ["--name", "s", "--kind", "shout", "--times", "2", "--out", "{}.txt", ":::", "a"]

    assert '{"1": "a"} > a.txt' in installed.run("add", *words[:-2], "--dry-run", *words[-2:])
    installed.run("add", *words)
    installed.run("spawn", "1", "-q")
    assert (installed.folder / "a.txt").read_text() == "A A\n"
    assert "1 there already" in installed.run("add", *words)
    said = installed.run("add", "command", "--name", "x", "--times", "2", "echo", expect=2)
    assert "--times is not an option of kind command, but of shout" in said


@pytest.mark.parametrize(
    ("code", "fault"),
    [
        ("import nowhere_to_be_found\n", "No module named 'nowhere_to_be_found'"),
        ("def run(job, context): ...\n", "it has no `recipe`"),
        ("from ledger.queues.recipes import Recipe as recipe\n", "it has no function `run"),
    ],
)
def test_a_broken_kind_is_a_problem_with_a_name(
    installed: Installed, code: str, fault: str
) -> None:
    """Its package and the fault are named, and no other kind suffers from it."""
    installed.install("broken", code)

    said = installed.run("add", "broken", "--name", "x", ":::", "a", expect=2)
    assert fault in said and "the package broken" in said and "Traceback" not in said
    assert "broken" in installed.run("add", "--help")
    installed.run("add", "--name", "y", "--", "true")


def test_a_kind_that_went_away_is_a_problem(installed: Installed) -> None:
    """A queue whose kind is no longer installed stops neither doctor nor other queues."""
    installed.install_page()
    installed.run("add", "shout", "--name", "s", ":::", "a")
    installed.packages.rename(installed.packages.with_name("gone"))

    assert "no queue kind is called 'shout'" in installed.run("spawn", "1", "-q", expect=2)
    assert "no queue kind is called 'shout'" in installed.run("doctor", expect=1)
    installed.run("add", "--name", "y", "--", "true")
    installed.run("spawn", "1", "-q", "--only", "y")


def test_a_page_kind_keeps_its_name(installed: Installed) -> None:
    """Jobs are found by the name of their kind: a queue kind cannot share it."""
    installed.install("front", fenced("python"))

    said = installed.run("add", "front", "--name", "x", ":::", "a", expect=2)
    assert "a page kind has that name too" in said


def test_options_belong_to_a_recipe_or_to_every_kind(installed: Installed) -> None:
    """A field that is missing, or an option that every kind has, is refused with a remedy."""
    code = fenced("python")
    installed.install("homeless", code.replace("times: int = 1", ""))
    installed.install("greedy", code.replace('"--times"', '"--rate"'))
    installed.install("raising", code.replace("click.IntRange(min=1)", "1 / 0"))

    said = installed.run("add", "homeless", "--name", "x", "--times", "2", ":::", "a", expect=2)
    assert "options without a field: times" in said
    said = installed.run("add", "greedy", "--name", "x", ":::", "a", expect=2)
    assert "every kind has --rate" in said
    said = installed.run("add", "raising", "--name", "x", ":::", "a", expect=2)
    assert "ZeroDivisionError" in said and "Traceback" not in said


@pytest.mark.parametrize(
    ("kind", "own"),
    [("command", "--shell"), ("llm", "--prompt"), ("http", "--header")],
)
def test_a_kind_shows_its_own_options_alone(kind: str, own: str) -> None:
    """Beside those of every kind, and examples of its own."""
    others = {"--shell", "--prompt", "--header"} - {own}
    said = CliRunner().invoke(main, ["add", kind, "--help"]).output

    assert own in said and "--matrix" in said and "--budget" in said
    assert not [option for option in others if option in said]
    assert f"ledger add {kind} --name" in said


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--name", "x", "--prompt", "p", "echo"], "--prompt is not an option of kind command"),
        (["llm", "--name", "x", "--shell"], "--shell is not an option of kind llm, but of command"),
        (["--name", "x", "--kind", "llm", "--header", "a: b"], "not an option of kind llm"),
        (["--name", "x", "--nonsense", "echo"], "No such option"),
        (["--name", "x", "--kind", "nope", "echo"], "no queue kind is called 'nope'"),
        (["nope", "--name", "x"], "installed: call, command, http, llm"),
        (["call", "--name", "x"], "not added by hand"),
        (["http", "--name", "x", "--kind", "llm"], "'llm' is not 'http'"),
        (["llm", "--name", "x", "--prompt", "p", "words"], "--model"),
    ],
)
def test_an_option_of_another_kind_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], message: str
) -> None:
    """With the kind that has it; other mistakes are told apart from that."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["add", *words])

    assert done.exit_code == 2
    assert message in done.output


@pytest.mark.parametrize(
    ("words", "example"),
    [
        (["--", "sort", "--kind", "llm"], "sort --kind llm a"),
        (["--shell", "sort --kind=http"], "sort --kind=http a"),
        (["--kind", "command", "sort", "--name"], "sort --name a"),
        (["--kind=http", "--url", "http://e.org/{}"], "GET http://e.org/a"),
        (["--header", "a: b", "--kind", "http", "--url", "http://e.org/{}"], "GET http://e.org/a"),
    ],
)
def test_the_kind_may_be_an_option(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: Sequence[str], example: str
) -> None:
    """Wherever it stands among options, and never where it is a word of the command."""
    monkeypatch.chdir(tmp_path)
    done = CliRunner().invoke(main, ["add", "--name", "x", "--dry-run", *words, ":::", "a"])

    assert done.exit_code == 0, done.output
    assert done.output.splitlines()[-1].strip() == example
    assert list(tmp_path.iterdir()) == []


RECIPES: dict[str, tuple[dict[str, Any], str]] = {
    "command": (
        {"argv": ["cp", "{}", "{out}"], "out": "{stem}.o", "cwd": "a", "timeout": 3, "retries": 2},
        "1471eb9bab94afe8b160b01ada0ded6c",
    ),
    "http": (
        {"url": "https://e.org/{id}", "headers": {"Accept": "x"}, "out": "p/{id}", "key_env": "K"},
        "aeefa70f85aa1e607c194f4fab517526",
    ),
    "llm": (
        {
            "url": "https://e.org/v1", "model": "m", "prompt": "{{ text }}",
            "schema": {"type": "object"}, "out": "f/{id}", "timeout": 9,
        },
        "ecc2713f1238a29c5cffa38d14e2c823",
    ),
    "call": ({"module": "m", "name": "f", "retries": 3}, "5f3e207e7e901f285d098c73037fa0d1"),
}  # fmt: skip


@pytest.mark.parametrize("kind", SHIPPED)
def test_recipes_keep_their_fingerprints(kind: str) -> None:
    """Those of commit d3ca1d7: with others, an upgrade would do and pay for all jobs again."""
    values, mark = RECIPES[kind]
    recipe = recipe_of(kind, values)

    assert recipe_fingerprint(kind, recipe) == mark
    assert recipe_type(kind).from_dict(recipe.as_dict()) == recipe


def test_shipped_kinds_are_found_without_a_search() -> None:
    """Looking through all that is installed would cost every worker a part of its start."""
    code = (
        "import sys\n"
        "from ledger.queues.kinds import SHIPPED, module_of, recipe_type\n"
        "for kind in SHIPPED: recipe_type(kind); __import__(module_of(kind))\n"
        "print({'click', 'importlib.metadata'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-Sc", code], text=True, capture_output=True, check=False,
                          env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})  # fmt: skip

    assert done.stdout.strip() == "set()", done.stderr
    assert {module_of(kind) for kind in SHIPPED} == {f"worker.kinds.queue.{k}" for k in SHIPPED}


def test_every_limit_has_its_column() -> None:
    """The limits that are declared, and the prices of [prices], are the store's columns."""
    columns = [each.limit.column for each in declared(QueueLimits)]

    assert sorted([*columns, "price_in", "price_out"]) == sorted(LIMITS)
    assert {each.name for each in declared(SpawnLimits)} < {e.name for e in declared(QueueLimits)}


def test_limits_become_columns() -> None:
    """What is named is read, what is not changes nothing, and none takes a limit away."""
    assert parse_limits() == {}
    assert parse_limits(budget=None, after=()) == {}
    assert parse_limits(
        budget="none", rate="60/min", concurrency=0, adaptive=False, after=("a",), uncertain="hold"
    ) == {
        "money_ceiling": None, "interval": 1.0, "concurrency": None, "adaptive": 0,
        "after": '["a"]', "policy": "park",
    }  # fmt: skip


def test_add_and_spawn_have_the_declared_limits() -> None:
    """Each as an option of its own."""
    for command, limits in (("spawn", SpawnLimits), ("add", QueueLimits)):
        found: Any = main.commands[command]
        if command == "add":
            found = found.get_command(click.Context(found), "command")
        flags = {flag for option in found.params for flag in option.opts}
        assert {f"--{each.name.replace('_', '-')}" for each in declared(limits)} <= flags


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, 0.0),
        ({"retry-after": "17"}, 17.0),
        ({"retry-after-ms": "250", "retry-after": "17"}, 0.25),
        ({"x-ratelimit-reset-requests": "1.5s"}, 1.5),
        ({"retry-after": "999999"}, 86_400.0),
        ({"retry-after": "-3"}, 0.0),
        ({"retry-after": "nan", "ratelimit-reset": "2"}, 2.0),
    ],
)
def test_how_long_a_server_wants_to_be_left_alone(headers: dict[str, str], seconds: float) -> None:
    """By the first header that makes sense, a day at most."""
    assert requested_wait(headers) == seconds
