"""The options of `ledger add`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class AddOptions:
    """The options of `ledger add`; the names are those on the command line.

    `given` holds the values of the kind's own options by name, `limits` the limits as columns of
    the table of queues.
    """

    name: str
    kind: str = "command"
    words: tuple[str, ...] = ()
    out: str = ""
    key: str = ""
    matrix: tuple[str, ...] = ()
    arg_file: tuple[str, ...] = ()
    input: str | None = None
    null: bool = False
    retries: int | None = None
    priority: int = 0
    existing: str = "refuse"
    replace: bool = False
    dry_run: bool = False
    given: dict[str, Any] = field(default_factory=dict)
    limits: dict[str, Any] = field(default_factory=dict)
