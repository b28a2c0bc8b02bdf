"""`ledger add` and commands: what is added, what runs, what is kept, what is refused."""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from e2e.conftest import until

from ledger.errors import BadInputError, JobError
from ledger.queues.inputs import read_items, split_arguments
from ledger.queues.placeholders import fill, unknown_in

if TYPE_CHECKING:
    from queues.conftest import Queues


# -- placeholders and records ----------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "record", "filled"),
    [
        ("{}", {"1": "a b"}, "a b"),
        ("{} {2}", {"1": "a", "2": "b"}, "a b b"),
        ("{dir}/{stem}{ext}", {"1": "x/y.tar.gz"}, "x/y.tar.gz"),
        ("{name}", {"path": "x/y.png", "n": 1}, "y.png"),
        ("{t.stem}.{lang}", {"t": "in/a.txt", "lang": "de"}, "a.de"),
        ("{{literal}} {}", {"1": "x"}, "{literal} x"),
        ("awk '{print $1}' {}", {"1": "x"}, "awk '{print $1}' x"),
        ('{"a": {n}}', {"n": 3}, '{"a": 3}'),
        ("{name}", {"name": "own"}, "own"),
    ],
)
def test_placeholders(template: str, record: dict[str, object], filled: str) -> None:
    """What stands for a placeholder, and what is text."""
    assert filled == fill(template, record)
    assert unknown_in(template, record) == []


def test_a_shell_gets_quoted_values() -> None:
    """A value cannot become a command."""
    assert fill("echo {}", {"1": "$(rm -rf /); 'x'"}, quoted=True) == (
        "echo '$(rm -rf /); '\"'\"'x'\"'\"''"
    )


def test_unknown_placeholders_are_told() -> None:
    """All of them, with what there is."""
    assert unknown_in("{langs} {x.stem} {lang}", {"lang": "de", "n": 1}) == ["langs", "x.stem"]
    with pytest.raises(JobError, match="has no value"):
        fill("{langs}", {"lang": "de", "n": 1})


def test_every_combination(tmp_path: Path) -> None:
    """Groups, files, tables and matrices are multiplied."""
    (tmp_path / "t.csv").write_text('id,title\n1,"a, b"\n2,c\n', "utf-8")
    (tmp_path / "lines").write_bytes(b"x\0y\0")
    command, groups = split_arguments(["wc", ":::", "a", "b", "::::", str(tmp_path / "lines")])
    records = read_items(groups, table=str(tmp_path / "t.csv"), matrix=["lang=en,de"], null=True)

    assert command == ["wc"]
    assert len(records) == 2 * 2 * 2 * 2
    assert records[0] == {"id": "1", "title": "a, b", "1": "a", "2": "x", "lang": "en"}


def test_every_problem_of_an_input_is_told(tmp_path: Path) -> None:
    """All of it together, with file and line."""
    path = tmp_path / "in.jsonl"
    path.write_text('{"id": 1}\nnonsense\n[1]\n', "utf-8")
    with pytest.raises(BadInputError) as refusal:
        read_items([("::::", ["absent"])], table=str(path), matrix=["=x"])

    told = str(refusal.value)
    assert "4 problems" in told
    assert f"{path}:2" in told and f"{path}:3" in told and "absent" in told


# -- adding ------------------------------------------------------------------------------------


def test_adding_twice_adds_nothing(queues: Queues) -> None:
    """The key is unique; what is listed twice is said and is one job."""
    said = queues.add("say", "--matrix", "lang=es,es,en", "--", "echo", "{lang}")
    assert "2 new" in said and "1 listed more than once" in said
    queues.spawn()
    assert "2 there already" in queues.add("say", "--matrix", "lang=es,en", "--", "echo", "{lang}")
    assert set(queues.states("say").values()) == {"done"}


def test_the_command_begins_at_its_first_word(queues: Queues) -> None:
    """Its options are not ours, also without -- before it."""
    said = queues.add("x", "--dry-run", "sort", "--key", "2", "-o", "{}.out", "{}", ":::", "a")
    assert "sort --key 2 -o a.out a" in said


def test_changed_input_files_are_done_again(queues: Queues) -> None:
    """A job whose output exists and whose inputs are the same is done; another is not."""
    for name in "ab":
        queues.write(f"in/{name}.txt", name)
    words = ["--out", "out/{stem}", "--", "cp", "{path}", "{out}", ":::", "in/a.txt", "in/b.txt"]
    queues.add("copy", *words)
    queues.spawn(2)
    queues.write("in/b.txt", "changed")
    assert "1 changed, 1 there already" in queues.add("copy", *words)
    queues.spawn(2)

    assert (queues.read("out/a"), queues.read("out/b")) == ("a", "changed")
    assert queues.sql("SELECT key, count(*) FROM attempt_list GROUP BY key") == [
        ("in/a.txt", 1), ("in/b.txt", 2),
    ]  # fmt: skip


def test_one_output_of_two_jobs_is_refused(queues: Queues) -> None:
    """Both are named, before the first runs, also when they are added one after the other."""
    said = queues.add("x", "--out", "{stem}.out", "--", "cat", "{}", ":::", "a/n", "b/N", expect=2)
    assert "'a/n'" in said and "'b/N'" in said and "would be written by both" in said
    queues.add("x", "--out", "same", "--", "echo")
    said = queues.add("y", "--out", "same", "--", "echo", expect=2)
    assert "command/x/once" in said and "command/y/once" in said


@pytest.mark.parametrize("out", ["../{}", "/tmp/{}", ".ledger/{}", "ledger.toml", ".git/{}", "{}"])
def test_outputs_stay_in_the_project(queues: Queues, out: str) -> None:
    """Outside, among our own files, or over the input: refused."""
    queues.write("a", "input")
    queues.add("x", "--out", out, "--", "cat", "{}", ":::", "a", expect=2)
    assert queues.read("a") == "input"


def test_foreign_outputs(queues: Queues) -> None:
    """A file that is there already is not overwritten unasked."""
    queues.write("out/a", "precious")
    words = ["--out", "out/{}", "--", "echo", "{}", ":::", "a", "b"]
    assert "out/a: is there already" in queues.add("x", *words, expect=2)
    queues.add("x", "--existing", "adopt", *words)
    queues.spawn()
    assert (queues.read("out/a"), queues.read("out/b")) == ("precious", "b\n")
    queues.run("verify")


def test_another_recipe_needs_another_name(queues: Queues) -> None:
    """Or --replace, and then the others go."""
    queues.add("x", "--", "echo", "{}", ":::", "a", "b")
    assert "does something else" in queues.add("x", "--", "cat", "{}", ":::", "c", expect=2)
    assert "2 removed" in queues.add("x", "--replace", "--", "cat", "{}", ":::", "c")
    assert queues.states("x") == {"c": "pending"}


def test_a_dry_run_writes_nothing(queues: Queues) -> None:
    """Not even the project."""
    said = queues.add("x", "--dry-run", "--out", "{}.txt", "--", "echo", "{}", ":::", "a b")
    assert "echo 'a b' > a b.txt" in said
    assert list(queues.root.iterdir()) == []


def test_a_program_that_is_not_there_is_told_before(queues: Queues) -> None:
    """And no job fails of it."""
    queues.add("x", "--", "no-such-program", "{}", ":::", "a")
    assert "no-such-program" in queues.spawn(expect=2)
    assert queues.states("x") == {"a": "pending"}


@pytest.mark.parametrize(("only", "state"), [((), "done"), (("--only", "x"), "deselected")])
def test_work_may_be_added_while_a_run_goes_on(
    queues: Queues, only: tuple[str, ...], state: str
) -> None:
    """What is added is done by the same run, unless that is about something else."""
    hold = "while [ ! -e go ]; do sleep 0.02; done"
    queues.add("x", "--", "sh", "-c", hold + "; echo {}", ":::", "a")
    run = queues.start("spawn", 1, "-q", *only)
    until(lambda: queues.sql("SELECT 1 FROM jobs WHERE lease IS NOT NULL"), "running")
    queues.add("y", "--", "echo", "{}", ":::", "b")
    queues.write("go", "")
    run.communicate(timeout=30)
    assert run.returncode == 0
    assert queues.states("y") == {"b": state}


# -- running -----------------------------------------------------------------------------------


def test_what_a_command_prints_is_kept(queues: Queues) -> None:
    """Short in the ledger, long in a file; with the exit status and what it took."""
    code = "import sys; print('x' * int(sys.argv[1])); print('oh', file=sys.stderr); sys.exit(3)"
    queues.add(
        "say", "--ok-codes", "0,3", "--", sys.executable, "-c", code, "{}", ":::", "5", "99999"
    )
    queues.spawn(2)

    short, long = queues.facts("5"), queues.facts("99999")
    assert (short["status"], short["stdout"], short["stderr"]) == (3, "xxxxx\n", "oh\n")
    assert short["wall"] > 0 and short["cpu"] > 0 and short["memory_kb"] > 1000
    whole = queues.root / ".ledger" / "printed" / long["stdout_file"]
    assert whole.stat().st_size == 100_000
    assert len(long["stdout"]) < 10_000 and long["stdout_file"] in long["stdout"]


def test_a_failure_says_why_and_retries_as_asked(queues: Queues) -> None:
    """None by default; with --retries as many more tries."""
    queues.add("a", "--", "sh", "-c", "echo reason >&2; exit 7")
    said = queues.spawn("--keep-going", expect=1)
    assert "exit status 7" in said and "reason" in said and "attempt 1 of" in said
    tries = "n=$(cat n 2>/dev/null || echo 0); echo $((n + 1)) > n; test $n = 1"
    queues.add("b", "--retries", "2", "--", "sh", "-c", tries)
    queues.spawn("--only", "b")
    assert [row[0] for row in queues.sql("SELECT outcome FROM attempt_list WHERE queue = 'b'")] == [
        "again", "done",
    ]  # fmt: skip


def test_half_a_file_is_no_result(queues: Queues) -> None:
    """A command that fails after it has begun to write leaves nothing under the name."""
    queues.add(
        "x", "--out", "out/{}", "--", "sh", "-c", "echo half > {out}; test {} = b", ":::", "a", "b"
    )
    queues.spawn("--keep-going", expect=1)
    assert [path.name for path in (queues.root / "out").iterdir()] == ["b"]
    assert not list((queues.root / ".ledger" / "scratch").iterdir())


def test_no_output_is_a_failure(queues: Queues) -> None:
    """A command that ends well and makes nothing is told."""
    queues.add("x", "--out", "o", "--", "sh", "-c", "true {out}")
    assert "did not make o" in queues.spawn(expect=1)


def test_what_is_printed_can_be_the_output(queues: Queues) -> None:
    """Without {out} in the command it is, byte for byte; a folder is made for it."""
    queues.add(
        "x", "--out", "a/b/{}.txt", "--shell", "--", "printf '%s\\n' {}; echo no >&2", ":::", "é; x"
    )
    queues.spawn()
    assert queues.read("a/b/é; x.txt") == "é; x\n"
    assert queues.facts("é; x")["stderr"] == "no\n"


def test_a_timeout_ends_the_whole_group(queues: Queues) -> None:
    """Also what the command started, and what does not listen to TERM."""
    stubborn = "trap '' TERM; sleep 1000 & echo $! > child; wait; sleep 1000"
    queues.add("x", "--timeout", "0.5", "--", "sh", "-c", stubborn)
    with queues.store(read_only=False) as store, store.immediate():  # no need for all of the grace
        store.connection.execute("UPDATE queues SET recipe = json_set(recipe, '$.grace', 0.2)")
    assert "took longer than 0.5 s" in queues.spawn(expect=1)
    assert not _is_alive(int(queues.read("child")))


def test_what_outlives_its_worker_is_ended_before_the_job_runs_again(queues: Queues) -> None:
    """A worker is killed; its command would go on for ever in a session of its own."""
    script = queues.write("job.py", SURVIVOR)
    queues.add("x", "--", sys.executable, script)
    run = queues.start("spawn", 1, "-q")
    until(lambda: (queues.root / "first").exists() and queues.read("first"), "the first try")
    (pid,) = queues.sql("SELECT pid FROM workers WHERE ended_at IS NULL")[0]
    os.kill(pid, signal.SIGKILL)
    out, err = run.communicate(timeout=30)

    assert run.returncode == 0, out + err
    assert queues.read("second") == "the first is dead"
    assert queues.sql("SELECT outcome FROM attempt_list") == [("uncertain",), ("done",)]


SURVIVOR = """
import os, signal, sys, time
if not os.path.exists("first"):
    os.setsid() if os.getpid() != os.getpgrp() else None
    if os.fork():
        time.sleep(1000)
    os.setsid()
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    with open("first.tmp", "w") as file:
        file.write(str(os.getpid()))
    os.rename("first.tmp", "first")
    time.sleep(1000)
pid = int(open("first").read())
try:
    os.kill(pid, 0)
    state = open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0]
    told = "the first is dead" if state == "Z" else "the first lives"
except (ProcessLookupError, FileNotFoundError):
    told = "the first is dead"
open("second", "w").write(told)
"""


def test_after_a_kill_of_everything_what_it_ran_is_ended(queues: Queues) -> None:
    """The coordinator dies too; the next spawn ends the orphan before it begins."""
    script = queues.write("job.py", SURVIVOR)
    queues.add("x", "--", sys.executable, script)
    run = queues.start("spawn", 1, "-q")
    until(lambda: (queues.root / "first").exists() and queues.read("first"), "the first try")
    (pid,) = queues.sql("SELECT pid FROM workers WHERE ended_at IS NULL")[0]
    for each in (run.pid, pid):
        os.kill(each, signal.SIGKILL)
    run.communicate(timeout=30)
    queues.spawn(1)

    assert queues.read("second") == "the first is dead"
    assert "1" in queues.run("status")


def test_effects_that_must_not_repeat_are_held(queues: Queues) -> None:
    """Its worker died while it was at it: it waits for somebody to say what to do."""
    pay = "echo {} >> paid; while [ ! -e go ]; do sleep 0.02; done"
    queues.add("pay", "--uncertain", "park", "--", "sh", "-c", pay, ":::", "a")
    run = queues.start("spawn", 1, "-q", "--keep-going")
    until((queues.root / "paid").exists, "the effect")
    (pid,) = queues.sql("SELECT pid FROM workers WHERE ended_at IS NULL")[0]
    os.kill(pid, signal.SIGKILL)
    run.communicate(timeout=30)
    assert run.returncode == 1
    queues.write("go", "")

    assert "its effect is unknown" in queues.run("status")
    assert "0 jobs" in queues.run("retry", "--failed")
    queues.spawn(expect=1)
    assert queues.read("paid") == "a\n"
    assert "1 job is" in queues.run("retry", "--uncertain")
    queues.spawn()
    assert queues.read("paid") == "a\na\n"


def test_the_environment_of_a_command(queues: Queues) -> None:
    """What a command may want to know; the key is the same for every try and no other job."""
    show = "echo $LEDGER_QUEUE $LEDGER_KEY $LEDGER_ATTEMPT $LEDGER_IDEMPOTENCY_KEY; test $LEDGER_ATTEMPT = 2"
    queues.add("env", "--retries", "1", "--", "sh", "-c", show, ":::", "a", "b")
    queues.spawn()
    said = [
        json.loads(row[0])["stdout"].split() for row in queues.sql("SELECT facts FROM attempts")
    ]
    keys = {tuple(words[:3]): words[3] for words in said}

    assert keys["env", "a", "1"] == keys["env", "a", "2"] != keys["env", "b", "1"]


def _is_alive(pid: int) -> bool:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def test_an_effect_is_in_hand_until_it_is_settled(queues: Queues) -> None:
    """The worker dies after the command has ended, before that is noted: it may be done twice."""
    tests = str(Path(__file__).resolve().parents[1])
    path = os.pathsep.join(filter(None, [tests, os.environ.get("PYTHONPATH")]))
    queues.environment |= {"LEDGER_CHAOS": "queues.strike", "PYTHONPATH": path}
    queues.add("pay", "--", "sh", "-c", "echo x >> paid", ":::", "a")
    queues.spawn(1)
    assert queues.read("paid") == "x\nx\n"
    assert queues.sql("SELECT state, uncertain FROM jobs") == [("done", 1)]
    assert "pay/a is done, and may have had its effect 1 time more" in queues.run("status")
