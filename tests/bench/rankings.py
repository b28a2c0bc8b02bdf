"""Rows 1 to 4: the rankings, through the kinds that make them, against memory and plain NumPy."""

from __future__ import annotations

import io
import json
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from bench import reference
from bench.made import made_space
from bench.report import Check, Outcome, number
from bench.timing import by_turns, seconds
from ledger.jobs import Job
from ledger.process.logs import WorkerLog
from ledger.project.load import load_project
from ledger.store.plan import read_facts
from ledger.store.store import Store
from worker.context import Context
from worker.kinds.vectors import rank_different, rank_similar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.reference import Array, Wide
    from bench.setting import Bench
    from bench.site import Site

NEAR_TIE = 1e-6


@contextmanager
def rankings_of(site: Site, depth: int) -> Iterator[Rankings]:
    """The rankings of a project, as one of its workers would make them to this depth."""
    project = load_project(site.root)
    with Store(project.ledger_path, read_only=True) as store:
        planned = site.sql("SELECT kind, payload FROM jobs WHERE kind LIKE 'rank-%' GROUP BY kind")
        payloads = {kind: json.loads(payload) for kind, payload in planned}
        log = WorkerLog(project.state, 0)
        yield Rankings(
            Context(project, read_facts(store), store, log, project.state / "scratch"),
            payloads,
            depth,
        )


@dataclass(frozen=True, slots=True)
class Rankings:
    """The real kinds' jobs, run in this process."""

    context: Context
    payloads: dict[str, dict[str, Any]]
    depth: int

    @property
    def vectors(self) -> Array:
        """The unit vectors of all documents, in memory."""
        return np.array(self.context.artefacts.array("space", "vectors.npy"))

    def rank(self, kind: Any, first: int, last: int) -> Array:
        """The rankings of documents `first` to `last` (excluded): what a job of that kind makes."""
        name = kind.__name__.rpartition(".")[2].replace("_", "-")
        payload = {**self.payloads[name], "first": first, "last": last, "depth": self.depth}
        job = Job(0, name, "00000", "bench", payload, attempt=1, max_attempts=1)
        (output,) = kind.run(job, self.context)
        rows: Array = np.load(io.BytesIO(b"".join(output.body())))
        return rows

    def rank_all(self, kind: Any) -> Array:
        """The rankings of all documents, block by block as they are planned."""
        total, size = self.context.facts["documents"], kind.BLOCK
        firsts = range(0, total, size)
        return np.concatenate([self.rank(kind, n, min(n + size, total)) for n in firsts])

    def page_seconds(self, pages: int) -> float:
        """Return the seconds per walk, if that many are made at a time."""
        return seconds(partial(self.rank, rank_different, 0, pages)) / pages


def walk_at_memory_speed(bench: Bench) -> Outcome:
    """Row 1."""
    pages = min(bench.sizes.walked_pages, rank_different.BLOCK)
    with rankings_of(bench.space, bench.documents - 1) as rankings:
        vectors = rankings.vectors
        gram = vectors @ vectors.T
        rankings.page_seconds(1)  # brings the matrix into memory
        walk, read = by_turns(
            partial(rankings.page_seconds, pages),
            lambda: min(seconds(reading) for reading in (gram.max, gram.sum) for _ in range(3)),
            bench.sizes.rounds,
        )
    return Outcome(
        f"{walk * 1e3:.1f} ms a page",
        f"{read * 1e3:.1f} ms to read {gram.nbytes / 1e6:,.0f} MB",
        (Check("", walk / read, 1.5),),
        (f"n = {len(gram):,}, d = {vectors.shape[1]}; {pages} pages a job",),
        {"page_seconds": walk, "read_seconds": read, "gigabytes_per_second": gram.nbytes / read / 1e9},
    )  # fmt: skip


def walk_against_naive(bench: Bench) -> Outcome:
    """Row 2."""
    sites = {256: bench.space, 768: made_space(bench, 768)}
    times = {width: _naive_and_ours(bench, site) for width, site in sites.items()}
    (walk, naive), (walk_256, naive_256) = times[768], times[256]
    return Outcome(
        f"{walk * 1e3:.1f} ms a page",
        f"{naive:.3g} s a page",
        (Check("", naive / walk, 80, at_most=False),),
        (
            f"d = 256: {walk_256 * 1e3:.1f} ms against {naive_256:.3g} s, {number(naive_256 / walk_256)} ×",
            (f"the naive walk was timed for {bench.sizes.naive_steps} of {bench.documents - 1:,} "
            "steps, which all cost the same, and scaled"),
        ),
        {"d768": times[768], "d256": times[256]},
    )  # fmt: skip


def _naive_and_ours(bench: Bench, site: Site) -> tuple[float, float]:
    steps, length = min(bench.sizes.naive_steps, bench.documents - 1), bench.documents - 1
    with rankings_of(site, length) as rankings:
        vectors = rankings.vectors
        rankings.page_seconds(1)
        pages = min(bench.sizes.walked_pages, rank_different.BLOCK)
        return by_turns(
            partial(rankings.page_seconds, pages),
            lambda: seconds(partial(reference.naive_walk, vectors, 0, steps)) * length / steps,
            bench.sizes.rounds,
        )


def exactness(bench: Bench) -> Outcome:
    """Row 3."""
    depth, length = min(bench.sizes.depth, bench.documents - 1), bench.documents - 1
    with rankings_of(bench.space, depth) as rankings:
        exact = reference.exact_gram(rankings.context)
        stored = reference.stored_gram(rankings.vectors)
        first = _compare(exact, rankings.rank_all(rank_different), range(bench.documents))
    random = np.random.default_rng(3)
    count = min(bench.sizes.random_starts, bench.documents)
    starts = random.choice(bench.documents, count, replace=False).tolist()
    with rankings_of(bench.space, length) as rankings:
        walks = np.concatenate([rankings.rank(rank_different, s, s + 1) for s in starts])
    whole, on_stored = _compare(exact, walks, starts), _compare(stored, walks, starts)
    return Outcome(
        f"{first['differ']:,} of {first['positions']:,} differ; full length {whole['same']:.3f} % same",
        "float64 walk on float64 vectors",
        (
            Check("not near ties", first["unexcused"], 0, "positions"),
            Check("full length same", whole["same"], 99.9, "%", at_most=False),
        ),
        (
            f"first {depth}: {_said(first)}",
            f"full length: {_said(whole)}",
            f"full length, against a float64 walk on the float32 vectors as stored: {_said(on_stored)}",
        ),
        {"first": first, "full_length": whole, "full_length_on_stored": on_stored},
    )  # fmt: skip


def _said(counts: dict[str, Any]) -> str:
    return (
        f"{counts['walks']:,} of {counts['of']:,} walks differ, at {counts['differ']:,} of "
        f"{counts['positions']:,} positions, {counts['unexcused']:,} of them no near ties; the worst "
        f"step is {counts['worst']:.1e} above the least mean cosine"
    )


def _compare(gram: Wide, walks: Array, starts: Any) -> dict[str, Any]:
    """Compare walks with exact ones, and each of their steps with the best possible one."""
    counts: dict[str, Any] = {"differ": 0, "walks": 0, "unexcused": 0, "worst": 0.0}
    for walk, start in zip(walks, starts, strict=True):
        differ = int((walk != reference.exact_walk(gram, start, len(walk))).sum())
        if differ:
            gaps = reference.gaps(gram, start, walk)
            counts["differ"] += differ
            counts["walks"] += 1
            counts["unexcused"] += int((gaps >= NEAR_TIE).sum())
            counts["worst"] = max(counts["worst"], float(gaps.max()))
    same = 100 * (1 - counts["differ"] / walks.size)
    return {**counts, "of": len(walks), "positions": walks.size, "same": same}


def similar(bench: Bench) -> Outcome:
    """Row 4."""
    depth = min(bench.sizes.depth, bench.documents - 1)
    with rankings_of(bench.space, depth) as rankings:
        vectors = rankings.vectors
        ours, plain = by_turns(
            lambda: seconds(partial(rankings.rank_all, rank_similar)),
            lambda: seconds(partial(reference.argpartitioned, vectors, depth)),
            bench.sizes.rounds,
        )
    return Outcome(
        f"{ours:.2f} s",
        f"{plain:.2f} s",
        (Check("", ours / plain, 1.3),),
        (f"n = {bench.documents:,}, depth {depth}; ours is sorted, the yardstick's is not",),
        {"seconds": ours, "yardstick_seconds": plain},
    )
