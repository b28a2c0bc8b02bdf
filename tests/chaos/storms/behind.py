"""Files of the site that change behind Ledger's back."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from chaos.damage import OF_ANOTHER_SIZE, OF_THE_SAME_SIZE, files, spoil, stamps
from chaos.judge import compare
from chaos.rounds import Keeper, Round, Storm, tail
from chaos.site import Shape

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path
    from random import Random

    from chaos.site import Site


class Behind(Storm):
    """Output files deleted, truncated, emptied and flipped, between runs and during them."""

    name = "behind"
    shape = Shape(pages=300, effects=40, pause=0.003)
    rounds = 3
    small = {"shape": Shape(pages=120, effects=10, early=8)}  # noqa: RUF012

    def run(self, it: Round) -> None:
        """Another size is for `spawn` to notice, another bit for `verify`."""
        site, random = it.site(self.shape), it.random()
        keeper = Keeper(it, site)
        while (
            not keeper.done
        ):  # no early ones: a page that needs one that is gone fails, with a report
            self._spoil(it, random, site, ("page", "effect"), OF_ANOTHER_SIZE, 1)
            time.sleep(random.uniform(0.02, 0.1))
        self._rebuild(it, site, [])
        for _ in range(2):
            spoilt = self._spoil(it, random, site, ("page", "effect", "early"), OF_ANOTHER_SIZE, 25)
            self._rebuild(it, site, spoilt)
        spoilt = self._spoil(it, random, site, ("page", "effect", "early"), OF_THE_SAME_SIZE, 15)
        said = self._verify(it, site, 1)
        for path in spoilt:
            name = str(path.relative_to(site.root))
            it.expect(name in said, "verify", f"does not name {name}")
        self._rebuild(it, site, spoilt)
        self._verify(it, site, 0)
        it.judge(site, self.shape)

    def _spoil(
        self, it: Round, random: Random, site: Site, kinds: Sequence[str], ways: Sequence[str],
        most: int,
    ) -> list[Path]:  # fmt: skip
        there = [path for kind in kinds for path in files(site.root / "site" / kind)]
        there = [path for path in there if path.suffix == ".txt"]
        chosen = random.sample(there, min(most, len(there)))
        for path in chosen:
            spoil(path, random.choice(ways), random)
        it.tally.faults += len(chosen)
        return chosen

    def _rebuild(self, it: Round, site: Site, spoilt: Sequence[Path]) -> None:
        """`spawn` mends what was spoilt, and writes nothing else."""
        base = site.root / "site"
        before = stamps(base)
        it.succeed(site, "spawn", it.workers, "--quiet")
        it.tally.spawns += 1
        wrong = compare(site, it.nursery.tree(self.shape))[1]
        it.expect(not wrong, "not mended", ", ".join(map(str, wrong)))
        after = stamps(base)
        names = {str(path.relative_to(base)) for path in spoilt}
        vain = [name for name in after if after[name] == before.get(name, after[name])]
        if names:
            touched = after.keys() - set(vain) - names
            it.expect(
                not touched, "in vain", f"{len(touched)} sound files written: {sorted(touched)[:3]}"
            )

    def _verify(self, it: Round, site: Site, code: int) -> str:
        have, said = site.run("verify", "--json")
        it.expect(have == code, "verify", f"ended with {have} and not {code}: {tail(said)}")
        return said
