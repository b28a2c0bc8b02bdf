"""Rows 14 and 15: building again, with nothing changed and with one document more."""

from __future__ import annotations

import json
import os
from statistics import median
from typing import TYPE_CHECKING

from bench.report import Check, Outcome
from ledger.fingerprint import digest_bytes

if TYPE_CHECKING:
    from pathlib import Path

    from bench.setting import Bench
    from bench.site import Site

NEW = {
    "id": "added-by-the-bench",
    "category": "bench",
    "content": "And a light stood in the window that had not been there before.",
    "creation_date": "2099-12-31",  # the newest: as one goes on adding
}


def nothing_to_do(bench: Bench) -> Outcome:
    """Row 14."""
    site, _, _ = bench.built
    before = site.stamps()
    times = [_again(site) for _ in range(bench.sizes.rounds)]
    written = len(_written(before, site.stamps()))
    total = median(init + spawn for init, spawn in times)
    return Outcome(
        f"{total:.2f} s, {written:,} files written",
        "",
        (Check("time", total, 2.0, "s"), Check("written", written, 0, "files")),
        (
            (
                f"{len(before):,} files; init {median(init for init, _ in times):.2f} s, "
                f"spawn 2 {median(spawn for _, spawn in times):.2f} s"
            ),
        ),
        {"seconds": total, "written": written},
    )


def _again(site: Site) -> tuple[float, float]:
    return site.ledger("init"), site.ledger("spawn", 2, "--quiet")


def _written(before: dict[Path, tuple[int, int]], after: dict[Path, tuple[int, int]]) -> set[Path]:
    """The files that are new, or not the same as they were."""
    return {path for path, stamp in after.items() if before.get(path) != stamp}


def one_more(bench: Bench) -> Outcome:
    """Row 15. It changes the project that other rows use, so it comes last."""
    site, planned, spawned = bench.built
    before, contents = site.stamps(), _contents(site)
    records = [*bench.records, NEW]
    (site.root / "poems.json").write_text(json.dumps({"poems": records}), "utf-8")
    os.sync()
    init, spawn = _again(site)
    written, now = _written(before, site.stamps()), _contents(site)
    changed = {path for path, digest in now.items() if contents.get(path) != digest}
    pages = sum(site.root / "site" in path.parents for path in written)
    return Outcome(
        f"{init + spawn:.1f} s",
        f"{planned + spawned:.1f} s",
        (
            Check("time", (init + spawn) / (planned + spawned), 0.25),
            Check("written in vain", len(written - changed), 0, "files"),
        ),
        (
            (
                f"init {init:.2f} of {planned:.2f} s, spawn 2 {spawn:.2f} of {spawned:.2f} s; "
                f"{len(written):,} of {len(now):,} files written, {pages:,} of them pages, and "
                f"{len(changed - written):,} changed without that"
            ),
        ),
        {"init": init, "spawn": spawn, "written": len(written), "changed": len(changed)},
    )


def _contents(site: Site) -> dict[Path, str]:
    return {path: digest_bytes(path.read_bytes()) for path in site.files()}
