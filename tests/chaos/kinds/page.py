"""chaos-page: a file with the digest of an earlier one in it; a pure job."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

from chaos.kinds import early
from chaos.kinds.bodies import asked, body, linger
from ledger.jobs import Output, Planned

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.jobs import Job

needs = ("chaos-early",)
sites = ("chaos",)
effects = False


def path(number: int) -> str:
    """Return the path of the output."""
    return f"site/page/{number % 7}/{number:05}.txt"


def plan(plan: Any) -> Iterator[Planned]:
    """Plan as many jobs as chaos.json asks for; those in `edited` get another fingerprint."""
    facts = asked(plan.project.root)
    edited = set(facts.get("edited", ()))
    for number in range(facts["pages"]):
        payload = {"number": number, "early": number % facts["early"], "pause": facts["pause"]}
        edition = str(facts.get("edition", 1)) if number in edited else "1"
        yield Planned(f"{number:05}", edition, (path(number),), payload)


def run(job: Job, context: Any) -> list[Output]:
    """One file."""
    linger(job.payload)
    number = job.payload["number"]
    source = context.state_path(early.path(job.payload["early"])).read_bytes()
    digest = hashlib.sha256(source).hexdigest()
    inputs = f"{job.fingerprint} {digest}"

    def make() -> list[bytes]:
        return [digest.encode(), b"\n", body(f"page {job.key}", job.fingerprint, number)]

    return [Output(path(number), inputs, make)]
