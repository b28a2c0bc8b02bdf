"""The table: every target, how it is measured, and the disk that needs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench import again, builds, commands, pages, queue, rankings
from bench.report import GB, Row

if TYPE_CHECKING:
    from bench.setting import Bench


def _of_corpus(whole: float, bench: Bench) -> float:
    """The disk for `whole` gigabytes of the whole English corpus."""
    return whole * GB * bench.share


SPACE = partial(_of_corpus, 0.5)
TWO_SPACES = partial(_of_corpus, 1.0)
BUILT = partial(_of_corpus, 4.5)
BUILT_AND_ANOTHER = partial(_of_corpus, 8.0)


def _full_pages(bench: Bench) -> float:
    return 2.5 * bench.sizes.full_pages * 7e6 * bench.share + 0.5 * GB


def _ledgers(bench: Bench) -> float:
    return 600 * bench.sizes.many_rows + 0.1 * GB


ROWS = (
    Row(1, "different, full length, a page on one core", "reading the float32 Gram matrix",
        "≤ 1.5 ×", rankings.walk_at_memory_speed, SPACE),
    Row(2, "the same at d = 768", "naive walk, NumPy", "≥ 80 ×",
        rankings.walk_against_naive, TWO_SPACES),
    Row(3, "exactness of different", "float64 walk", "near ties alone differ; full length ≥ 99.9 %",
        rankings.exactness, SPACE),
    Row(4, "similar, all documents", "E @ E.T and argpartition", "≤ 1.3 ×", rankings.similar, SPACE),
    Row(5, "full-length pages to disk", "plain write", "≥ 0.7 ×", pages.full_length, _full_pages),
    Row(6, "ranking pages at depth 200", "plain write", "≥ 0.5 ×",
        pages.at_depth, BUILT_AND_ANOTHER),
    Row(7, "no-op jobs, 2 / 12 workers", "huey SqliteHuey; bare SQLite",
        "≥ 25 ×; least ≥ 1/3 of most; effects ≥ 4 ×; ≥ 0.6 × of bare SQLite with 2", queue.overhead),
    Row(8, "claim latency at a million rows", "at ten thousand", "≤ 2 ×",
        queue.claim_latency, _ledgers),
    Row(9, "status at a million jobs, 12 workers", "import click, sqlite_utils", "≤ 0.15 s more",
        commands.status, _ledgers),
    Row(10, "spawn 12 to first settled job", "python -c pass", "≤ 1.2 s more", commands.first_job),
    Row(11, "full build, 1 worker to 2", "1 worker", "≥ 1.85 ×", builds.two_workers, BUILT),
    Row(12, "private memory of 12 workers", "", "≤ 1 GB", builds.twelve_workers, BUILT),
    Row(13, "57,607 documents, everything", "", "≤ 15 min, 16 GB memory, 30 GB disk",
        builds.scale, lambda _: 40 * GB, quick=False),
    Row(14, "nothing to do: init and spawn 2", "", "≤ 2 s, no file written",
        again.nothing_to_do, BUILT),
    Row(15, "one document added", "full build", "≤ 0.25 ×; no file in vain", again.one_more, BUILT),
    Row(16, "64 workers, jobs of 40 ms", "", "least ≥ 1/3 of most served", queue.crowd),
)  # fmt: skip
