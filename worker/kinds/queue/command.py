"""Kind `command`: run a program; its file, or its standard output, is the output."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ledger.errors import JobError, TransientJobError
from ledger.jobs import Spent
from ledger.process.orphans import PROCESS_TAG, process_tag
from ledger.project.load import STATE_FOLDER
from ledger.queues.placeholders import fill
from worker.kinds.queue.task import task_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from ledger.jobs import Job, MadeFile
    from ledger.queues.kinds.command import Command
    from worker.context import Context
    from worker.kinds.queue.task import Task


KEPT_BYTES = 4096
"""How much of each end of what a command prints the ledger keeps; all of it goes to a file."""


def run(job: Job, context: Context) -> Iterator[MadeFile]:
    """Run it, and return its output if it ended well.

    Raises:
        JobError: it did not, or took too long, or did not make its output.
    """
    task = task_of(job, context)
    recipe: Command = task.recipe
    made = task.scratch_path() if task.output else None
    printed = _Printed(context, task)
    result = _execute(task, made, printed)
    task.record.facts = {
        **result,
        **printed.kept(captured=recipe.capture, failed=not _is_ok(recipe, result)),
    }
    if not _is_ok(recipe, result):
        raise _failure(recipe, task.record.facts)
    if made is not None and recipe.capture:
        printed.out.replace(made)
    if made is not None and not made.is_file():
        raise JobError(
            f"the command ended well and did not make {task.output}",
            context=_shown(recipe, task),
            remedy="let it write to {out}; without {out}, what it prints is the output",
        )
    yield from task.outputs(made)


def _is_ok(recipe: Command, facts: dict[str, Any]) -> bool:
    return facts["status"] in recipe.ok_codes and not facts.get("timed_out")


def _failure(recipe: Command, facts: dict[str, Any]) -> JobError:
    status = facts["status"]
    if facts.get("timed_out"):
        what = f"the command took longer than {recipe.timeout:g} s and was ended"
        remedy = "give it more time with --timeout, or find out what it waits for"
    elif status < 0:
        name = (
            signal.Signals(-status).name if -status in set(signal.Signals) else f"signal {-status}"
        )
        what, remedy = f"the command was killed by {name}", "find out what killed it"
    else:
        what = f"the command ended with exit status {status}"
        remedy = "fix what it reports, then `ledger retry --failed` and `ledger spawn`"
    printed = (facts.get("stderr") or facts.get("stdout") or "").strip()
    context = printed[-1000:] if printed else "it printed nothing"
    return TransientJobError(what, context=context, remedy=remedy)


def _argv(recipe: Command, task: Task, made: Path | None) -> list[str]:
    more = {"key": task.key, "queue": task.queue, "attempt": str(task.job.attempt)}
    if made is not None:
        more["out"] = str(made)
    record = task.job.payload
    if recipe.shell:
        line = " ".join(fill(word, record, more, quoted=True) for word in recipe.argv)
        return ["/bin/sh", "-c", line]
    return [fill(word, record, more) for word in recipe.argv]


def _shown(recipe: Command, task: Task) -> str:
    import shlex

    argv = _argv(recipe, task, None) if not task.output else recipe.argv
    return shlex.join(argv)[:500]


def _execute(task: Task, made: Path | None, printed: _Printed) -> dict[str, Any]:
    """Run it in a process group of its own; returns its exit status and the resources it used."""
    recipe: Command = task.recipe
    started = time.monotonic()
    try:
        with printed.out.open("wb") as out, printed.err.open("wb") as err:
            process = subprocess.Popen(
                _argv(recipe, task, made),
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=err,
                cwd=task.root / recipe.cwd,
                env=_environment(task, made),
                process_group=0,
            )
    except OSError as error:
        raise JobError(
            f"the command cannot be started: {error.strerror or error}",
            context=_shown(recipe, task),
            remedy="install the program, or fix PATH",
        ) from error
    except ValueError as error:
        raise JobError(
            f"the command cannot be started: {error}", context=_shown(recipe, task)
        ) from error
    task.record.spent = Spent(calls=1)
    clock = _Deadline(process.pid, recipe.timeout, recipe.grace)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)  # so that Popen does not wait again
    facts: dict[str, Any] = {
        "status": process.returncode,
        "wall": round(time.monotonic() - started, 4),
        "cpu": round(usage.ru_utime + usage.ru_stime, 4),
        "memory_kb": usage.ru_maxrss,
    }
    if clock.stop():
        facts["timed_out"] = True
    _end_group(process.pid)  # what it left running in the background would outlive its result
    return facts


def _environment(task: Task, made: Path | None) -> dict[str, str]:
    own = {
        "LEDGER_QUEUE": task.queue, "LEDGER_KEY": task.key,
        "LEDGER_ATTEMPT": str(task.job.attempt), "LEDGER_IDEMPOTENCY_KEY": task.idempotency_key,
        PROCESS_TAG: process_tag(task.root / STATE_FOLDER, int(task.scratch.name)),
    }  # fmt: skip
    clean = {name: value for name, value in os.environ.items() if not _is_ours(name)}
    safe = {name: value.replace("\0", "") for name, value in own.items()}
    return {**clean, **safe, **({"LEDGER_OUT": str(made)} if made else {})}


THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "TOKENIZERS_PARALLELISM")


def _is_ours(name: str) -> bool:
    """Whether the coordinator set a variable for its workers, which what they run does not inherit."""
    return name in THREADS


def _end_group(pid: int) -> None:
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGKILL)


class _Deadline:
    """Ends a process group after a number of seconds: TERM, and KILL after the grace."""

    def __init__(self, pid: int, seconds: float | None, grace: float) -> None:
        self._pid, self._grace, self.passed = pid, grace, False
        self._timer = threading.Timer(seconds, self._terminate) if seconds is not None else None
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def _terminate(self) -> None:
        self.passed = True
        with suppress(ProcessLookupError):
            os.killpg(self._pid, signal.SIGTERM)
        self._timer = threading.Timer(self._grace, _end_group, [self._pid])
        self._timer.daemon = True
        self._timer.start()

    def stop(self) -> bool:
        """Cancel the deadline; returns whether it had passed."""
        if self._timer is not None:
            self._timer.cancel()
        return self.passed


class _Printed:
    """The output of a command: kept in the ledger if it is short, else its two ends, and a file."""

    def __init__(self, context: Context, task: Task) -> None:
        task.scratch.mkdir(parents=True, exist_ok=True)
        self.out, self.err = task.scratch / ".stdout", task.scratch / ".stderr"
        self._folder = context.project.state / "printed"
        self._name = f"{task.job.id}.{task.job.attempt}"

    def kept(self, *, captured: bool, failed: bool) -> dict[str, Any]:
        """The text that goes into the ledger; a longer one goes into a file that is named there."""
        streams = {"stderr": self.err} | ({} if captured and not failed else {"stdout": self.out})
        facts: dict[str, Any] = {}
        for name, path in streams.items():
            size = path.stat().st_size
            if size:
                facts[name] = self._ends(name, path, size, facts)
        return facts

    def _ends(self, name: str, path: Path, size: int, facts: dict[str, Any]) -> str:
        with path.open("rb") as file:
            head = file.read(KEPT_BYTES)
            if size <= 2 * KEPT_BYTES:
                return (head + file.read()).decode("utf-8", "replace")
            file.seek(size - KEPT_BYTES)
            tail = file.read()
        self._folder.mkdir(exist_ok=True)
        whole = self._folder / f"{self._name}.{name}"
        path.replace(whole)
        facts[f"{name}_file"] = whole.name
        left_out = f"\n… {size - 2 * KEPT_BYTES:,} bytes are in .ledger/printed/{whole.name} …\n"
        return head.decode("utf-8", "replace") + left_out + tail.decode("utf-8", "replace")
