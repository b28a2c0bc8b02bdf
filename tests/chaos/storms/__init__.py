"""The storms, in the order in which they come; the last goes on until there were kills enough."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chaos.storms.behind import Behind
from chaos.storms.busy import Busy
from chaos.storms.clock import Clock
from chaos.storms.corrupt import Corrupt
from chaos.storms.disk import Disk
from chaos.storms.kills import Attempts, NoWal, Poems, Random_
from chaos.storms.points import Points
from chaos.storms.power import Power
from chaos.storms.zombies import Zombies

if TYPE_CHECKING:
    from chaos.rounds import Storm

STORMS: tuple[Storm, ...] = (
    Zombies(), Clock(), Disk(), Behind(), Busy(), Corrupt(), Power(), NoWal(), Attempts(), Poems(),
    Points(), Random_(),
)  # fmt: skip
