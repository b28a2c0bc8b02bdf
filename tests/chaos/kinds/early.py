"""chaos-early: small files that all pages are made with, in the phase before them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chaos.kinds.bodies import asked, body, linger
from ledger.jobs import Output, Planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.jobs import Job

needs: tuple[str, ...] = ()
sites = ("chaos",)
effects = False


def path(number: int) -> str:
    """Return the path of the output."""
    return f"site/early/{number:04}.txt"


def plan(plan: Any) -> Iterator[Planned]:
    """Plan as many jobs as chaos.json asks for."""
    facts = asked(plan.project.root)
    for number in range(facts["early"]):
        payload = {"number": number, "pause": facts["pause"]}
        yield Planned(f"{number:04}", "1", (path(number),), payload)


def run(job: Job, context: Any) -> list[Output]:
    """One file."""
    linger(job.payload)
    number = job.payload["number"]
    data = body(f"early {job.key}", job.fingerprint, number)
    return [Output(path(number), job.fingerprint, lambda: [data])]
