"""Queue kind `call`: a Python function, as `ledger.job` marks it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from ledger.queues.recipes import Recipe


@dataclass
class Function(Recipe):
    """Call a Python function: that of `name` in a module, or in the file that has it."""

    module: str = ""
    file: str = ""
    name: str = ""

    is_added_by_hand: ClassVar[bool] = False  # but by `Ledger.add`


recipe = Function
