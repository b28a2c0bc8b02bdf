"""The lease protocol among real processes that race, and that are killed wherever they are."""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest

from ledger.errors import Reason
from ledger.process import worker_state

if TYPE_CHECKING:
    from conftest import Ledger

RACER = """
import random, sys, time
from pathlib import Path
from ledger.jobs import Settlement
from ledger.process.worker_state import WorkerState
from ledger.store.store import Store

path, run, seed = Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
chance = random.Random(seed)
store = Store(path)
me = store.start_worker(run, seed, 1)
slot = WorkerState(path.parent / "workers", me)
print(me, flush=True)
sys.stdin.read(1)
claim = None
while True:
    claim = claim or store.claim(run, me, chance.randint(1, 6), 60.0)
    if claim is None:
        outlook = store.outlook(run)
        if outlook.over:
            break
        time.sleep(outlook.wait)
        continue
    jobs = claim.jobs[: chance.randint(1, 6)]
    for job in jobs:
        slot.enter(job)
    done = [Settlement(job.id, "done", 0.0) for job in jobs]
    then = chance.choice([0, 3])
    claim = store.settle(run, me, claim.token, done, claim=then, lease_seconds=60.0)
    slot.leave()
    print(*[job.id for job in jobs], flush=True)
"""


class Racer:
    """A process that claims and settles as fast as it can, once it is let go."""

    def __init__(self, ledger: Ledger, seed: int) -> None:
        command = [sys.executable, "-c", RACER, str(ledger.path), str(ledger.run), str(seed)]
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout
        self.worker = int(self.process.stdout.readline())

    def __enter__(self) -> Racer:
        return self

    def __exit__(self, *_: object) -> None:
        with self.process:
            self.process.kill()

    def go(self) -> None:
        """Let it begin."""
        assert self.process.stdin
        self.process.stdin.write("!")
        self.process.stdin.flush()

    def settled(self) -> list[int]:
        """Wait for its end; the jobs that it settled."""
        output, errors = self.process.communicate(timeout=120)
        assert (0, "") == (self.process.returncode, errors)
        return [int(job) for job in output.split()]


@pytest.mark.slow
def test_many_processes_settle_every_job_once(ledger: Ledger) -> None:
    """Of 2,000 jobs and 6 processes every job is settled once, each has some, none is refused."""
    ledger.plan(2_000)
    with ExitStack() as stack:
        racers = [stack.enter_context(Racer(ledger, seed)) for seed in range(6)]
        for racer in racers:
            racer.go()
        shares = [racer.settled() for racer in racers]

    assert [*range(1, 2_001)] == sorted(job for share in shares for job in share)
    assert min(len(share) for share in shares) > 0
    assert [("done", 1, 2_000)] == ledger.sql(
        "SELECT state, attempts, count(*) FROM jobs GROUP BY 1, 2"
    )
    assert 0 == ledger.store.live_leases()


@pytest.mark.slow
def test_killed_processes_lose_nothing(ledger: Ledger) -> None:
    """Processes are killed at work and reaped; each costs one job one attempt at most."""
    ledger.plan(1_200, max_attempts=9)
    charged = []
    with ExitStack() as stack:
        racers = [stack.enter_context(Racer(ledger, seed)) for seed in range(5)]
        for racer in racers:
            racer.go()
        for victim in racers[:3]:
            assert victim.process.stdout
            for _ in range(8):
                victim.process.stdout.readline()
            victim.process.kill()
            victim.process.wait()
            in_flight = worker_state.in_flight(ledger.path.parent / "workers", victim.worker)
            assert in_flight
            states = ledger.store.reap_worker(
                ledger.run, victim.worker, in_flight.job, Reason("killed by SIGKILL")
            )
            charged += [in_flight.job] * len(states)
        for racer in racers[3:]:
            racer.settled()

    assert {"done"} == {*ledger.states.values()}
    assert {job: 1 + charged.count(job) for job in range(1, 1_201)} == {
        int(key) + 1: attempts for key, attempts in ledger.attempts.items()
    }
    assert 0 == ledger.store.live_leases()


DIES = """
import json, os, signal, sys
from pathlib import Path
from ledger.errors import Reason
from ledger.jobs import Published, Settlement
from ledger.store.store import Store

def settlement(job, state):
    return Settlement(job.id, state, 0.0, (Published(f"site/{job.key}", 1, "d", "i"),), Reason("x"))

def work(path, run, statements):
    store = Store(path)
    left = [statements]
    def count(_):
        left[0] -= 1
        if left[0] < 0:
            os.kill(os.getpid(), signal.SIGKILL)
    store.connection.set_trace_callback(count)
    me = store.start_worker(run, 1, 1)
    claim = store.claim(run, me, 3, 60.0)
    while claim:
        ended = [settlement(job, "failed" if job.id == 2 else "done") for job in claim.jobs[:2]]
        store.renew(claim.token, 90.0)
        claim = store.settle(run, me, claim.token, ended, claim=3, lease_seconds=60.0)
    store.end_worker(me, "finished")

def mend(path, run):
    with Store(path) as store:
        for worker in store.runs.open_workers():
            store.reap_worker(run, worker.id, None, Reason("died"))
            store.end_worker(worker.id, "died")
        work(path, run, 10**9)
        rows = store.connection.execute("SELECT state, attempts, lease, count(*) FROM jobs GROUP BY 1")
        kept = store.connection.execute("SELECT class, sum(n) FROM counters WHERE n > 0 GROUP BY 1")
        sound = store.connection.execute("PRAGMA integrity_check").fetchone()[0]
        known = store.connection.execute("SELECT count(*) FROM outputs WHERE digest = 'd'").fetchone()[0]
        print(json.dumps([sound, store.live_leases(), known, *map(list, rows), *map(list, kept)]))
        store.retry(failed_only=False)
        store.connection.execute("UPDATE outputs SET digest = NULL")

def child(what, *arguments):
    pid = os.fork()  # before this process opens any connection
    if pid == 0:
        what(*arguments)
        sys.stdout.flush()
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

path, run = Path(sys.argv[1]), int(sys.argv[2])
statements, died = 0, True
while died:
    died = child(work, path, run, statements) == -signal.SIGKILL
    assert child(mend, path, run) == 0
    statements += 1
"""


@pytest.mark.slow
def test_a_death_at_any_statement_is_mended(ledger: Ledger) -> None:
    """A worker killed before its 1st, 2nd, 3rd … statement leaves a ledger that can be finished."""
    ledger.plan([ledger.job(key, outputs=(f"site/{key}",)) for key in range(4)])
    ledger.store.close()

    done = subprocess.run(
        [sys.executable, "-c", DIES, str(ledger.path), str(ledger.run)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert (0, "") == (done.returncode, done.stderr)
    endings = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(endings) > 30
    assert {json.dumps(endings[0])} == {json.dumps(ending) for ending in endings}
    states = [["done", 1, None, 3], ["failed", 1, None, 1]]
    assert ["ok", 0, 4, *states, ["done", 3], ["failed", 1]] == endings[0]
