"""Rows 9 and 10: how long a person waits, for a status and for the first job."""

from __future__ import annotations

import signal
import sys
import time
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

from bench.report import Check, Outcome
from bench.site import command, end, environment
from bench.timing import by_turns, command_seconds

if TYPE_CHECKING:
    import subprocess
    from collections.abc import Iterator

    from bench.setting import Bench
    from bench.site import Site

WORKERS = 12
DRAIN_SECONDS = 30.0
IMPORTS = [sys.executable, "-c", "import click, sqlite_utils"]
NOTHING = [sys.executable, "-c", "pass"]


def status(bench: Bench) -> Outcome:
    """Row 9."""
    site = bench.many_jobs
    with _spawned(site):
        show = partial(
            command_seconds, [*command(), "status", "-C", str(site.root)], site.environment
        )
        show()
        plain = partial(command_seconds, IMPORTS, environment())
        plain()
        ours, imports = by_turns(show, plain, 3 * bench.sizes.rounds)
    return Outcome(
        f"{ours:.3f} s",
        f"{imports:.3f} s",
        (Check("", ours - imports, 0.15, "s more"),),
        (f"{bench.sizes.many_rows:,} jobs, {WORKERS} workers at jobs of 10 ms",),
        {"seconds": ours, "yardstick_seconds": imports},
    )


@contextmanager
def _spawned(site: Site) -> Iterator[subprocess.Popen[str]]:
    """Twelve workers at work, as long as the block lasts."""
    process = site.start("spawn", WORKERS, "--quiet")
    try:
        while _at_work(site) < WORKERS:
            if process.poll() is not None:
                raise RuntimeError(f"ledger spawn ended with {process.returncode}")
            time.sleep(0.2)
        yield process
        if process.poll() is not None:
            raise RuntimeError("there was too little to do: ledger spawn has ended")
    finally:
        process.send_signal(signal.SIGINT)
        end(process, DRAIN_SECONDS)


def _at_work(site: Site) -> int:
    ((workers,),) = site.sql("SELECT count(DISTINCT worker) FROM leases")
    return int(workers)


def first_job(bench: Bench) -> Outcome:
    """Row 10."""
    waits, plain = by_turns(
        partial(_first_settled, bench),
        partial(command_seconds, NOTHING, environment()),
        bench.sizes.rounds,
    )
    return Outcome(
        f"{waits:.3f} s",
        f"{plain:.3f} s",
        (Check("", waits - plain, 1.2, "s more"),),
        ("from the start of the command to the time of the first settled job",),
        {"seconds": waits, "yardstick_seconds": plain},
    )


def _first_settled(bench: Bench) -> float:
    site = bench.noops(2_000)
    started = time.time()
    site.ledger("spawn", WORKERS, "--quiet")
    ((settled,),) = site.sql("SELECT min(settled_at) FROM jobs")
    site.remove()
    return float(settled - started)
