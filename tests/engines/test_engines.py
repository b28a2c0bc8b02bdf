"""Engines: the local one, one from a separate package, and names that are none."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger import engines
from ledger.engines import WorkerCommand, find_engine, local
from ledger.errors import BadInputError
from ledger.process.registry import Registry, _all_installed

if TYPE_CHECKING:
    from queues.conftest import Queues

PAGE = Path(__file__).parents[2] / "docs" / "engines.md"
NICENESS = "import os; open('niceness', 'w').write(str(os.getpriority(os.PRIO_PROCESS, 0)))"


def install(folder: Path, name: str, module: str, code: str) -> None:
    """Install an engine as a package of its own into a folder for sys.path."""
    home = folder / f"{module}-1.dist-info"
    home.mkdir(parents=True)
    (home / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1\n", "utf-8")
    (home / "entry_points.txt").write_text(f"[ledger.engines]\n{name} = {module}\n", "utf-8")
    (folder / f"{module}.py").write_text(code, "utf-8")


def example() -> str:
    """The engine that docs/engines.md begins with; without ionice, which not every system has."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.DOTALL)
    assert found
    return found[1].replace(', "ionice", "-c", "3"', "")


def test_the_example_of_the_page_runs_workers(queues: Queues, tmp_path: Path) -> None:
    """A package of one file, installed, decides how workers start."""
    install(tmp_path / "packages", "background", "ledger_background", example())
    queues.environment["PYTHONPATH"] = str(tmp_path / "packages")
    queues.add("x", "--", sys.executable, "-c", NICENESS)

    queues.spawn("--engine", "background")

    assert queues.read("niceness") == "19"


def test_a_worker_below_another_process_is_known(queues: Queues, tmp_path: Path) -> None:
    """A prefix that does not replace itself gives the worker another process id: it is found still."""
    code = (
        "from ledger.engines import local\n"
        "def start(command):\n"
        "    words = ('sh', '-c', '\"$@\"; exit $?', 'sh', *command.arguments)\n"
        "    return local.start(command._replace(arguments=words))\n"
    )
    install(tmp_path / "packages", "below", "ledger_below", code)
    queues.environment["PYTHONPATH"] = str(tmp_path / "packages")
    queues.add("x", "--", "sh", "-c", "[ -e again ] || { touch again; kill -9 $PPID; sleep 9; }")

    queues.spawn("--engine", "below")

    assert queues.sql("SELECT outcome FROM workers ORDER BY id") == [
        ("exit code 137",),
        ("finished",),
    ]


def test_an_unknown_engine_is_refused_with_those_there_are(queues: Queues) -> None:
    """A usage error, before anything is run."""
    queues.add("x", "--", "touch", "ran")

    said = queues.spawn("--engine", "nope", expect=2)

    assert "no engine is called 'nope'" in said
    assert "installed: local" in said
    assert not (queues.root / "ran").exists()


@pytest.mark.parametrize(
    ("code", "message"), [("1 / 0", "cannot be imported"), ("begin = 1", "no function `start`")]
)
def test_a_broken_engine_is_a_named_problem(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, message: str
) -> None:
    """With a remedy, and no traceback."""
    module = f"ledger_broken_{len(code)}"
    install(tmp_path, "broken", module, code)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(engines, "ENGINES", Registry("ledger.engines", "engine", {}))
    _all_installed.cache_clear()

    with pytest.raises(BadInputError) as caught:
        find_engine("broken")

    (problem,) = caught.value.problems
    assert message in problem.what
    assert "of the package ledger_broken" in problem.where
    assert problem.remedy


def test_the_local_engine_says_how_a_worker_ended(tmp_path: Path) -> None:
    """Its exit code, or the signal, and where it ran."""
    errors = tmp_path / "logs" / "errors"

    def started(code: str) -> local.LocalWorker:
        arguments = (sys.executable, "-c", code)
        return local.start(WorkerCommand(arguments, dict(os.environ), tmp_path, errors))

    ended = started("import sys; sys.exit('no')")
    waiting = started("input()")

    assert (ended.wait(), ended.exit_code(), errors.read_text("utf-8")) == (1, 1, "no\n")
    assert waiting.exit_code() is None
    waiting.kill()
    assert waiting.wait() == -9
    assert waiting.host == os.uname().nodename
    for worker in (ended, waiting):
        worker.release()
