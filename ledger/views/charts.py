"""Small charts as inline SVG. They stretch to the page's width; their labels are HTML around them.

A chart has a description for screen readers (`aria-label`), and each of its parts a tooltip
(`title`). Colours are those of the page's style sheet.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 1000
STRETCHES = 60
FEWEST_STRETCHES = 12
"""The most and the fewest bars of a chart over time; fewer would be drawn as wide blocks."""

FEWEST_BUCKETS = 8

_NICE = (
    1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600,
    7200, 14_400, 21_600, 43_200, 86_400, 7 * 86_400, 30 * 86_400, 365 * 86_400,
)  # fmt: skip

EDGES = tuple(float(f"{digit}e{power}") for power in range(-4, 6) for digit in (1, 2, 5))
"""Between buckets of durations, in seconds: three a decade."""


class Part(NamedTuple):
    """A part of a bar: its amount, CSS class and tooltip."""

    amount: float
    name: str
    title: str = ""


class Span(NamedTuple):
    """A stretch of a line, from and to a share of its width."""

    start: float
    end: float
    name: str
    title: str


def stretch_seconds(span: float) -> float:
    """Choose the time that a bar covers: a round one, such that there are not too many bars."""
    longest = span / (STRETCHES - 1)  # a machine without a clock begins in 1970
    return next((width for width in _NICE if span / width < STRETCHES), longest)


def bars(columns: Sequence[tuple[int, Sequence[Part]]], what: str, height: int = 120) -> Markup:
    """Draw stacked bars at their places; the highest reaches the top."""
    first, count = room([place for place, _ in columns])
    top = max(sum(part.amount for part in parts) for _, parts in columns) or 1
    width = WIDTH / count
    shapes = []
    for place, parts in columns:
        below = 0.0
        for part in parts:
            size = part.amount / top * height
            x, y = (place - first) * width, height - below - size
            shapes.append(_rect((x, y, width * 0.86, size), part.name, part.title))
            below += size
    return _svg(height, shapes, what, "bars")


def room(places: Sequence[int]) -> tuple[int, int]:
    """Return the first place of a chart, and the number of places."""
    return min(places), max(max(places) - min(places) + 1, FEWEST_STRETCHES)


def shares(parts: Iterable[Part], what: str) -> Markup:
    """Draw one line, divided in proportion to the parts."""
    parts = [part for part in parts if part.amount]
    whole = sum(part.amount for part in parts) or 1
    shapes, x = [], 0.0
    for part in parts:
        size = part.amount / whole * WIDTH
        shapes.append(_rect((x, 0, size, 10), part.name, part.title))
        x += size
    return _svg(10, shapes, what, "shares")


def strip(spans: Iterable[Span], what: str) -> Markup:
    """Draw spans of time on one line, each wide enough to be seen."""
    shapes = []
    for start, end, name, title in spans:
        x = min(start * WIDTH, WIDTH - 1.5)
        shapes.append(_rect((x, 0, max(1.5, (end - start) * WIDTH), 10), name, title))
    return _svg(10, shapes, what, "strip")


def distribution(values: Sequence[float], edges: Sequence[float], what: str) -> Markup:
    """Draw the number of values between each two edges."""
    counts = [0] * (len(edges) - 1)
    for value in values:
        counts[min(max(bisect_right(edges, value) - 1, 0), len(counts) - 1)] += 1
    top, width = max(counts), WIDTH / len(counts)
    shapes = []
    for place, (count, (low, high)) in enumerate(zip(counts, pairwise(edges), strict=True)):
        if count:
            size = max(2.0, count / top * 30)
            title = f"{count:,} of {low:g} to {high:g} s"
            shapes.append(_rect((place * width, 30 - size, width * 0.86, size), "plain", title))
    return _svg(30, shapes, what, "distribution")


def edges_around(values: Iterable[float]) -> tuple[float, ...]:
    """Return the edges of the buckets that these values fall into."""
    values = list(values)
    low = max(bisect_right(EDGES, min(values)) - 1, 0)
    high = max(bisect_right(EDGES, max(values)), low + FEWEST_BUCKETS)
    return EDGES[min(low, len(EDGES) - 1 - FEWEST_BUCKETS) : high + 1]


def steps(points: Sequence[tuple[float, float]], what: str, height: int = 60) -> Markup:
    """Draw a value that changes in steps, from 0 up to its maximum."""
    start, end = points[0][0], points[-1][0]
    top, span = max(value for _, value in points) or 1, (end - start) or 1
    path, before = [], None
    for at, value in points:
        x, y = (at - start) / span * WIDTH, height - 1 - value / top * (height - 2)
        path.append(f"M{_n(x)},{_n(y)}" if before is None else f"H{_n(x)}V{_n(y)}")
        before = value
    line = Markup('<path class="line" d="{}"/>').format(f"{''.join(path)}H{WIDTH}")
    return _svg(height, [line], what, "steps")


def median_and_p90(ordered: Sequence[float]) -> tuple[float, float]:
    """Median and 90th percentile of ascending values by nearest rank, so both are among them."""
    ranks = [math.ceil(share * len(ordered)) - 1 for share in (0.5, 0.9)]
    return ordered[ranks[0]], ordered[ranks[1]]


def _svg(height: int, shapes: Iterable[Markup], what: str, name: str) -> Markup:
    return Markup(
        '<svg class="{}" viewBox="0 0 {} {}" preserveAspectRatio="none" role="img" '
        'aria-label="{}">{}</svg>'
    ).format(name, WIDTH, height, what, Markup("").join(shapes))


def _rect(box: tuple[float, float, float, float], name: str, title: str) -> Markup:
    """`box` is x, y, width and height."""
    numbers = [_n(value) for value in box]
    shape = Markup('<rect class="{}" x="{}" y="{}" width="{}" height="{}"').format(name, *numbers)
    return shape + (Markup("><title>{}</title></rect>").format(title) if title else Markup("/>"))


def _n(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
