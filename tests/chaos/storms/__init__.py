"""The storms, in the order in which they come; the last goes on until there were kills enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.storms.kills import Attempts, Poems, Random_

if TYPE_CHECKING:
    from chaos.rounds import Storm

STORMS: tuple[Storm, ...] = (Attempts(), Poems(), Random_())
