"""Timing two things by turns, so that a change of the machine's mood meets both."""

from __future__ import annotations

import subprocess
import time
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


def seconds(action: Callable[[], object]) -> float:
    """Return the seconds of one call."""
    started = time.perf_counter()
    action()
    return time.perf_counter() - started


def by_turns(
    ours: Callable[[], float], yardstick: Callable[[], float], rounds: int
) -> tuple[float, float]:
    """The medians of what the two return, called A B A B."""
    pairs = [(ours(), yardstick()) for _ in range(rounds)]
    return median(a for a, _ in pairs), median(b for _, b in pairs)


def command_seconds(command: Sequence[str], environment: dict[str, str]) -> float:
    """Return the seconds of a command from its start to its end."""
    return seconds(
        lambda: subprocess.run(command, env=environment, check=True, capture_output=True)
    )


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of them do not exceed."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]
