"""Workers that end in every way there is, and jobs that are no guests one would wish for."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

TESTS = Path(__file__).resolve().parents[1]
CLOSES = "context.documents._store.database.connection.close()"
FLOOD = """
for _ in range(50):
    os.write(2, b"0123456789\\n" * 95_000)
os.write(2, b"x" * 1_000_000)
os.kill(os.getpid(), 9)
"""
MOST_KILOBYTES = 160_000
# By a small process: a child begins with the peak of the one that started it.
MEASURE = """
import os, sys
pid = os.spawnv(os.P_NOWAIT, sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(pid, 0)
print(os.waitstatus_to_exitcode(status), usage.ru_maxrss)
"""
HANDLES = """
import json, sys
names = []
for number in os.listdir("/proc/self/fd"):
    try:
        names.append(os.path.basename(os.readlink(f"/proc/self/fd/{number}")))
    except FileNotFoundError:
        continue
(root / "seen").write_text(json.dumps([sys.orig_argv, names]))
"""
CHILD = """
import subprocess
child = subprocess.Popen(["sleep", "60"])
(root / "child").write_text(str(child.pid))
"""


def test_every_way_to_end_is_noted(trial):
    """And who ended that way is replaced; none of them looks like a clean end."""
    site = trial("abc")
    site.order("a", "os._exit(7)", once=True)
    site.order("b", "os.kill(os.getpid(), signal.SIGSEGV)", once=True)
    site.order("c", CLOSES, once=True)

    site.run("spawn", 1)

    assert site.runs() == {"a": 2, "b": 2, "c": 2}
    assert site.outcomes() == ["exit code 7", "killed by SIGSEGV", "exit code 1", "finished"]


def test_an_end_in_the_middle_of_a_job_is_not_clean(trial):
    """Also with exit code 0: the worker is replaced, and the job done."""
    site = trial("abc")
    site.order("a", "os._exit(0)", once=True)
    site.order("b", "import sys; sys.exit(0)", once=True)

    site.run("spawn", 1)

    assert site.column("state") == "done done done"


@pytest.mark.parametrize("code", [CLOSES, "raise KeyboardInterrupt"])
def test_a_job_that_always_ends_its_worker_ends_too(trial, code):
    """Whatever it does to it, and even if the worker dies only when it settles: not for ever."""
    site = trial("abc", "[workers]\nmax_attempts = 2\n")
    site.order("b", code)

    process = site.start("spawn", 1)
    process.communicate(timeout=20)

    assert process.returncode in (1, 2)
    assert site.runs()["b"] <= 4


def test_a_failure_that_is_no_text_is_told(trial):
    """A NUL and half a surrogate in what a job says: it has failed, and everybody can read why."""
    site = trial("ab")
    site.order("b", "raise ValueError('no \\ud800 \\0 text')")

    process = site.start("spawn", 1)
    _, said = process.communicate(timeout=20)

    assert process.returncode == 1, said
    assert "trial/b FAILED (attempt 1 of 3" in said
    assert "no " in site.status()["failures"][0]["what"]
    assert "trial/b FAILED" in site.run("status")


def test_a_failure_without_words_is_one(trial):
    """It has failed, and is called by its name."""
    site = trial("abc")
    site.order("a", "raise Exception")
    site.order("b", "raise OSError()")
    site.order("c", "raise ValueError('')")

    said = site.run("spawn", 1, "--keep-going", expect=1)

    assert all(f"what     {name}\n" in said for name in ("Exception", "OSError", "ValueError"))


ODD = {"text": "\0 \x1b \u2028 \ufeff 😀", "none": None}


def test_payloads_arrive_as_they_were_planned(trial):
    """NUL, odd characters, ten million of them."""
    jobs = {"a": ODD, "b": {"text": "x" * 10_000_000}}
    site = trial(jobs)
    for key in jobs:
        site.order(key, "import json; (root / job.key).write_text(json.dumps(job.payload))")

    site.run("spawn", 1)

    assert jobs == {key: json.loads((site.root / key).read_text()) for key in jobs}


def test_half_a_surrogate_in_a_payload(trial):
    """It arrives, or it is refused in words."""
    site = trial({"a": {"text": "\ud800"}}, planned=False)

    process = site.start("init")
    _, said = process.communicate(timeout=60)

    assert "Traceback" not in said
    if process.returncode == 0:
        assert json.loads(site.column("payload")) == {"text": "\ud800"}


def test_a_flood_of_errors_drowns_nobody(trial):
    """50 MB on standard error cost the coordinator nothing, and the report stays short."""
    site = trial("a", "[workers]\nmax_attempts = 1\n")
    site.order("a", FLOOD)

    spawn = [sys.executable, "-m", "ledger", "spawn", "1", "--quiet"]
    with (site.root / "said").open("w") as said:
        measured = subprocess.run(
            [sys.executable, "-c", MEASURE, *spawn],
            cwd=site.root, stdout=subprocess.PIPE, stderr=said, text=True, check=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS), str(site.kinds)])},
        )  # fmt: skip
    code, kilobytes = map(int, measured.stdout.split()[-2:])

    assert code == 1
    assert kilobytes < MOST_KILOBYTES
    assert (site.root / "said").stat().st_size < 100_000


def test_a_grandchild_keeps_nobody(trial):
    """A process that a job left behind holds the worker's output open; the run ends all the same."""
    site = trial("a")
    site.order("a", CHILD)

    site.run("spawn", 1)

    os.kill(int((site.root / "child").read_text()), signal.SIGKILL)


def test_workers_inherit_nothing(trial):
    """They are started anew, not forked: no lock, connection or slot of anybody else."""
    site = trial("a")
    site.order("a", HANDLES)

    site.run("spawn", 1)

    command, names = json.loads((site.root / "seen").read_text())
    assert command[:4] == [sys.executable, "-P", "-m", "worker"]
    assert "coordinator" not in names
    assert {name for name in names if name.endswith(".slot")} == {"1.slot"}
    assert names.count("ledger.db") <= 2  # the worker's and its heart's
