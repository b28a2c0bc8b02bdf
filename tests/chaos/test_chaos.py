"""The storms in small: a few dozen kills of every build of the test suite; `bin/chaos` has more."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
PATIENCE = 110.0


def chaos(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run `bin/chaos` as a process of its own, which leaves none behind."""
    process = subprocess.Popen(
        [sys.executable, "-m", "chaos", *map(str, arguments)],
        cwd=TESTS,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGTERM)  # so that it ends what it started
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="it reads /proc")
@pytest.mark.parametrize("storms", [("random", "points"), ("zombies", "power", "behind")])
def test_a_small_storm_breaks_no_promise(tmp_path: Path, storms: tuple[str, ...]):
    """Jobs are done exactly once in the ledger, and the site is that of a clean build."""
    target = tmp_path / "chaos.json"
    named = [word for storm in storms for word in ("--storm", storm)]

    ended = chaos(
        "--seed", 5, "--small", "--workers", 2, "--json", target, "--work", tmp_path, *named
    )

    assert ended.returncode == 0, ended.stdout + ended.stderr
    figures = json.loads(target.read_text("utf-8"))
    for storm in storms:
        assert figures["storms"][storm]["jobs"] > 0
        assert figures["storms"][storm]["kills"] + figures["storms"][storm]["faults"] > 0


def test_the_storms_are_listed():
    """`--list` names each with what it does."""
    ended = chaos("--list")

    assert ended.returncode == 0
    assert "points" in ended.stdout
    assert all(len(line.split(maxsplit=1)[1]) > 20 for line in ended.stdout.splitlines())
