"""Strangers who hold the ledger's write lock, or the turnstile before it, for seconds."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

from chaos.rounds import Keeper, Round, Storm
from chaos.site import Shape

if TYPE_CHECKING:
    from chaos.site import Site


class Busy(Storm):
    """Other processes hold SQLite's write lock, or the turnstile, for 1 to 4 s again and again."""

    name = "busy"
    shape = Shape(pages=300, effects=8, pause=0.005)
    rounds = 2

    def run(self, it: Round) -> None:
        """Check that it only takes longer: no worker may fail or lose a lease."""
        site = it.site(self.shape)
        holder = self._hold(it, site)
        try:
            Keeper(it, site).finish()
        finally:
            holder.terminate()
            it.tally.faults += holder.communicate()[0].count(b"held")
        verdict = it.judge(site, self.shape)
        it.expect(not verdict.numbers.extra_runs, "busy", "jobs ran again, and nobody was killed")
        it.expect(it.tally.spawns == 1, "busy", "spawn had to be called again")

    def _hold(self, it: Round, site: Site) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "chaos.holder", str(site.ledger_path), it.plan],
            env={**site.environment, "LEDGER_CHAOS": ""},
            stdout=subprocess.PIPE,
            stdin=subprocess.DEVNULL,
        )
