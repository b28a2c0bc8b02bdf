"""Rows 11 to 13: whole builds, by one worker and two, by twelve, and of 57,607 documents."""

from __future__ import annotations

import gzip
import shutil
from functools import partial
from typing import TYPE_CHECKING

from bench.memory import Peak, watch
from bench.report import GB, Check, Outcome
from bench.setting import TANG
from bench.site import Site, disk_bytes
from bench.timing import by_turns, seconds

if TYPE_CHECKING:
    from bench.setting import Bench


def two_workers(bench: Bench) -> Outcome:
    """Row 11."""
    one, two = by_turns(
        partial(_fresh_build, bench, 1), partial(_fresh_build, bench, 2), bench.sizes.builds
    )
    return Outcome(
        f"{two:.1f} s with 2",
        f"{one:.1f} s with 1",
        (Check("", one / two, 1.85, at_most=False),),
        (f"{bench.documents:,} documents, everything; `ledger spawn` from start to end",),
        {"seconds_1": one, "seconds_2": two},
    )


def _fresh_build(bench: Bench, workers: int) -> float:
    site = bench.site("fresh")
    took = site.build(workers)
    site.remove()
    return took


def twelve_workers(bench: Bench) -> Outcome:
    """Row 12."""
    site = bench.site("twelve")
    peak = watch(site.start("spawn", 12, "--quiet"), interval=0.25)
    site.remove()
    return Outcome(
        f"{peak.private / GB:.2f} GB",
        "",
        (Check("", peak.private / GB, 1.0, "GB"),),
        (
            (f"{peak.workers} workers at the peak; {peak.written / GB:.2f} GB of it in pages of their "
            f"own, the rest parts of files that one alone had mapped just then; all processes, "
            f"shared pages counted once: {peak.whole / GB:.2f} GB"),
        ),
        {"uss": peak.private, "written": peak.written, "pss": peak.whole},
    )  # fmt: skip


def scale(bench: Bench) -> Outcome:
    """Row 13."""
    site = _tang_site(bench)
    peaks: list[Peak] = []
    init = seconds(lambda: peaks.append(watch(site.start("init"), interval=1.0)))
    spawn = seconds(lambda: peaks.append(watch(site.start("spawn", 2, "--quiet"), interval=2.0)))
    minutes, memory = (init + spawn) / 60, max(peak.whole for peak in peaks) / GB
    disk = disk_bytes([site.root]) / GB
    ((documents, jobs),) = site.sql(
        "SELECT (SELECT count(*) FROM documents), (SELECT count(*) FROM jobs WHERE state = 'done')"
    )
    work = _seconds_by_kind(site)
    site.remove()
    said = ", ".join(f"{kind} {total:.0f}" for kind, total in work.items())
    return Outcome(
        f"{minutes:.1f} min, {memory:.1f} GB memory, {disk:.1f} GB disk",
        "",
        (
            Check("time", minutes, 15, "min"),
            Check("memory", memory, 16, "GB"),
            Check("disk", disk, 30, "GB"),
        ),
        (
            f"{documents:,} documents, {jobs:,} jobs done; init {init:.0f} s, spawn 2 {spawn:.0f} s",
            f"seconds of work by kind: {said}",
        ),
        {"init": init, "spawn": spawn, "memory": memory, "disk": disk, "seconds_by_kind": work},
    )


def _tang_site(bench: Bench) -> Site:
    root = bench.folder("tang")
    root.mkdir(parents=True)
    with gzip.open(TANG) as packed, (root / "poems.jsonl").open("wb") as plain:
        shutil.copyfileobj(packed, plain)
    (root / "ledger.toml").write_text('[corpus]\npath = "poems.jsonl"\n', "utf-8")
    return Site(root)


def _seconds_by_kind(site: Site) -> dict[str, float]:
    rows = site.sql("SELECT kind, sum(seconds) FROM jobs GROUP BY kind ORDER BY min(phase), kind")
    return {kind: total or 0.0 for kind, total in rows}
