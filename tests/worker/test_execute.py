"""Executing a job: whatever it does, a settlement says how it ended."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from ledger.errors import JobError, TransientJobError, UncertainJobError
from ledger.jobs import AttemptRecord, Job, Output, Published
from ledger.process import clock
from worker.execute import PlannedKinds, execute, settle_failure
from worker.publish import Publisher

if TYPE_CHECKING:
    from pathlib import Path

JOB = Job(7, "page", "a", "f", {}, attempt=2, max_attempts=5)
PATH = "site/a.html"
OWNED = {PATH: Published(PATH, None, None, None)}


def page(path: str) -> Output:
    """An output at that path."""
    return Output(path, "inputs", lambda: [b"text"])


def run(tmp_path: Path, *outputs: Output) -> Any:
    """Execute the job by a kind that makes these outputs; needs no ledger."""
    kinds = PlannedKinds({})
    kinds["page"] = SimpleNamespace(run=lambda _job, _context: outputs, effects=False)  # type: ignore[assignment]
    log = SimpleNamespace(error=lambda *_, **__: None)
    context: Any = SimpleNamespace(record=None, log=log)
    return execute(JOB, OWNED, kinds, context, Publisher(tmp_path, ("site",), 1))


def test_a_job_needs_no_ledger(tmp_path: Path) -> None:
    """What it made is published, and is in its settlement."""
    done = run(tmp_path, page(PATH))

    assert (done.job, done.state, [made.path for made in done.outputs]) == (7, "done", [PATH])
    assert (tmp_path / PATH).read_bytes() == b"text"


@pytest.mark.parametrize(
    ("outputs", "what"),
    [((), "did not make"), ((page("site/b.html"),), "not among its planned outputs")],
)
def test_a_job_makes_what_it_owns(tmp_path: Path, outputs: tuple[Output, ...], what: str) -> None:
    """No more and no less; else it has failed."""
    failed = run(tmp_path, *outputs)

    assert failed.state == "failed"
    assert failed.reason and what in failed.reason.what


@pytest.mark.parametrize(
    ("error", "policy", "state"),
    [
        (JobError("no"), None, "failed"),
        (TransientJobError("not now"), "park", "pending"),
        (UncertainJobError("lost"), "retry", "pending"),
        (UncertainJobError("lost"), "park", "failed"),
    ],
)
def test_what_a_job_raises_decides_its_state(
    error: Exception, policy: str | None, state: str
) -> None:
    """And the record of the attempt is returned with it in any case."""
    record = AttemptRecord(0.0)

    settlement = settle_failure(JOB, error, 0.5, record, policy)

    assert (settlement.state, settlement.record) == (state, record)


def test_a_server_that_asks_for_more_time_gets_it() -> None:
    """`Retry-After` is longer than the backoff: it is the wait."""
    before = clock.now()
    settlement = settle_failure(JOB, TransientJobError("not now", after=900.0), 0.5, None, None)

    assert settlement.not_before >= before + 900.0
