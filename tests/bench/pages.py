"""Rows 5 and 6: building pages, against writing as many bytes."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING, Any

from bench.report import Check, Outcome
from bench.timing import by_turns
from bench.writer import plain_write

if TYPE_CHECKING:
    from bench.setting import Bench
    from bench.site import Site

WORKERS = 2
EVERYTHING = """
[pages]
depth = "all"
per_page = "all"
"""


def full_length(bench: Bench) -> Outcome:
    """Row 5."""
    site = bench.site("full-length", EVERYTHING)
    trial = ("--limit", min(bench.sizes.full_pages, bench.documents))
    before = ("--only", "rank-similar", "--only", "entry")
    site.build(WORKERS, *trial, *before)
    outcome = _against_writing(bench, site, ("similar",), (*trial, "--only", "similar"), 0.7)
    site.remove()
    return outcome


def at_depth(bench: Bench) -> Outcome:
    """Row 6."""
    site, _, _ = bench.built
    return _against_writing(bench, site, ("similar", "different"), (), 0.5)


def _against_writing(
    bench: Bench, site: Site, kinds: tuple[str, ...], options: tuple[Any, ...], limit: float
) -> Outcome:
    """Build the pages of these kinds again and again, by turns with plain writing."""
    _build_seconds(site, kinds, options)
    sizes = [size for _, size in site.outputs(*kinds)]
    ours, plain = by_turns(
        partial(_build_seconds, site, kinds, options),
        lambda: plain_write(bench.folder("plain"), sizes, WORKERS),
        bench.sizes.builds + 1,
    )
    total = sum(sizes)
    return Outcome(
        f"{total / ours / 1e6:,.0f} MB/s, {len(sizes) / ours:,.0f} pages/s",
        f"{total / plain / 1e6:,.0f} MB/s",
        (Check("", plain / ours, limit, at_most=False),),
        (
            (
                f"{len(sizes):,} pages of {total / len(sizes) / 1e6:.2f} MB, {WORKERS} processes: "
                f"{ours:.2f} s from first claim to last settle, {plain:.2f} s of writing"
            ),
        ),
        {"pages": len(sizes), "bytes": total, "seconds": ours, "yardstick_seconds": plain},
    )


def _build_seconds(site: Site, kinds: tuple[str, ...], options: tuple[Any, ...]) -> float:
    """Build pages whose files have gone; everything before them is there."""
    for kind in kinds:
        shutil.rmtree(site.root / "site" / kind, ignore_errors=True)
    site.build(WORKERS, *options)
    return site.run_seconds()
