"""Checks of runs, workers and leases, on a run whose processes were all killed."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest
from e2e.conftest import until

if TYPE_CHECKING:
    from health.conftest import DamagedSite

# A page that takes for ever, so that the kill finds its worker at work.
ENDLESS = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"


@pytest.fixture
def endless(planned: DamagedSite) -> DamagedSite:
    """A project that no worker can finish."""
    planned.template("entry.html", ENDLESS)
    planned.run("init")
    return planned


@pytest.fixture
def killed(endless: DamagedSite) -> DamagedSite:
    """The same, its coordinator and workers killed in the middle of a run."""
    process = endless.start("spawn", 2, "--quiet")
    until(lambda: leases(endless), "a lease")
    endless.kill_all(process)
    return endless


def leases(site: DamagedSite) -> int:
    """How many leases are out on entries."""
    with site.store(read_only=True) as store:
        return sum(count.running for count in store.counts() if count.kind == "entry")


def test_what_a_killed_run_leaves_is_found(killed: DamagedSite) -> None:
    """Its lease with what it holds, its workers, and the run itself; nothing is written."""
    before = killed.everything()

    health = killed.look()

    assert {"leases", "workers", "runs"} == health.failing
    assert re.search(r"holds \d+ jobs? for worker", health.bad("leases")[0]["what"])
    assert "died and was not recovered" in health.bad("workers")[0]["what"]
    assert "its coordinator died" in health.bad("runs")[0]["what"]
    assert before == killed.everything()


def test_what_a_killed_run_leaves_is_fixed(killed: DamagedSite) -> None:
    """--fix leaves nothing to find, charges nobody, and the build goes on from there."""
    health = killed.look("--fix")

    assert {"leases", "workers", "runs"} == health.fixed
    assert (0, set()) == (health.exit, killed.look().failing)
    assert [] == killed.sql("SELECT 1 FROM jobs WHERE attempts > 0 AND state <> 'done'")
    (killed.root / "templates" / "entry.html").unlink()
    killed.run("init")
    killed.run("spawn", 2)
    assert "closed" in {item["done"] for item in health.document["fixed"]}


def test_a_lease_of_a_worker_that_has_left_is_found_even_while_building(
    killed: DamagedSite,
) -> None:
    """Nobody but the doctor looks for one: the coordinator sees only those that expire."""
    worker = killed.sql("SELECT worker FROM leases")[0][0]
    with killed.store() as store:
        store.end_worker(worker, "finished")

    with killed.building():
        assert {"leases"} == killed.look().failing
    assert {"leases", "runs"} <= killed.look("--fix").fixed
    assert 0 == leases(killed)


def test_a_worker_that_outlives_its_coordinator_is_left_alone(endless: DamagedSite) -> None:
    """It finishes the job in flight; its lease is its own."""
    process = endless.start("spawn", 1, "--quiet")
    until(lambda: leases(endless), "a lease")
    try:
        process.kill()
        until(lambda: "runs" in endless.look().failing, "the death of the coordinator")

        health = endless.look("--fix")

        assert {"runs"} == health.fixed
        assert "finishes the job in flight" in health.of("workers")[0]["what"]
        assert (0, set()) == (health.exit, health.failing)
        assert leases(endless)
    finally:
        endless.kill_all(process)
