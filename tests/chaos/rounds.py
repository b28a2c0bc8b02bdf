"""A round: one project, one plan of faults drawn from the seed, one verdict."""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from chaos.history import Numbers, Violation
from chaos.judge import half_made, judge
from chaos.processes import Hung
from chaos.site import PATIENCE, Shape, Site

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from chaos.judge import Verdict
    from chaos.site import Nursery

CANNOT_START = "workers cannot start: killed by SIGKILL"
KILLED = -9


@dataclass
class Tally:
    """The totals of a round, or of all rounds of a storm."""

    rounds: int = 0
    numbers: Numbers = field(default_factory=Numbers)
    kills: int = 0
    faults: int = 0
    spawns: int = 0
    false_starts: int = 0  # three workers in a row died with no job in flight: spawn gave up
    differing_bytes: int = 0
    seconds: float = 0.0
    strikes: Counter[str] = field(default_factory=Counter)
    notes: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)
    skipped: str = ""

    def add(self, other: Tally) -> None:
        """Put those of another round to these."""
        self.numbers.add(other.numbers)
        for name in ("rounds", "kills", "faults", "spawns", "false_starts", "differing_bytes",
                     "seconds"):  # fmt: skip
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.strikes += other.strikes
        self.notes += other.notes
        self.violations += other.violations

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "rounds": self.rounds, **vars(self.numbers), "kills": self.kills, "faults": self.faults,
            "spawns": self.spawns, "false_starts": self.false_starts,
            "differing_bytes": self.differing_bytes, "seconds": round(self.seconds, 1),
            "strikes": dict(self.strikes), "notes": dict(self.notes),
            "violations": self.violations, "skipped": self.skipped,
        }  # fmt: skip


@dataclass
class Round:
    """The context of a storm in one round."""

    storm: str
    number: int
    seed: int
    workers: int
    folder: Path
    nursery: Nursery
    scale: float = 1.0  # of the kills of a whole run
    tally: Tally = field(default_factory=lambda: Tally(rounds=1))
    sites: list[Site] = field(default_factory=list)

    @property
    def plan(self) -> str:
        """Return the source of all draws of this round."""
        return f"{self.seed}/{self.storm}/{self.number}"

    def random(self) -> Random:
        """The draws of this round, from their beginning."""
        return Random(self.plan)

    def site(self, shape: Shape, name: str = "project", **more: str) -> Site:
        """A planned project of that shape, whose processes draw from this round's seed."""
        site = self.nursery.site(self.folder / name, shape)
        return self.enrol(site, **more)

    def enrol(self, site: Site, **more: str) -> Site:
        """Look after a project: its processes do not outlive the round."""
        site.more = {"CHAOS_SEED": f"{self.plan}/{site.root.name}", **more}
        self.sites.append(site)
        return site

    def broken(self, rule: str, what: str) -> None:
        """Note that something was not as it has to be."""
        self.tally.violations.append(f"{self.storm} {self.number}: {Violation(rule, what)}")

    def expect(self, condition: object, rule: str, what: str) -> None:
        """Note it unless the condition holds."""
        if not condition:
            self.broken(rule, what)

    def judge(
        self, site: Site, shape: Shape, *, accounts: bool = True, falls: bool = False
    ) -> Verdict:
        """End what still runs, and judge what is there; the verdict goes into the tally."""
        site.commands.end()
        verdict = judge(site, self.nursery.tree(shape), accounts=accounts, audited=shape.audited)
        self.tally.numbers.add(verdict.numbers)
        self.tally.differing_bytes += verdict.differing_bytes
        where = "" if site is self.sites[0] else f"{site.root.name}: "
        for rule, what in verdict.violations:
            if falls and rule == "worker fell":
                self.tally.notes["workers that fell for want of disk"] += 1
                continue
            self.broken(rule, where + what)
        return verdict

    def expect_whole(self, site: Site, shape: Shape) -> None:
        """Check, while no process runs, that all existing outputs equal those of a clean build."""
        for violation in half_made(site, self.nursery.tree(shape)):
            self.broken(*violation)

    def report(self, site: Site, *arguments: object, codes: tuple[int, ...] = (1,)) -> str:
        """Run a command that must fail; return its output, which must have a remedy."""
        code, said = site.run(*arguments)
        command = " ".join(map(str, arguments))
        self.expect(code in codes, "exit", f"`{command}` ended with {code}: {tail(said)}")
        self.expect("remedy" in said, "report", f"`{command}` names no remedy: {tail(said)}")
        self.expect("Traceback" not in said, "report", f"`{command}` fell over: {tail(said)}")
        return said

    def succeed(self, site: Site, *arguments: object) -> str:
        """Run a command that must succeed; return its output."""
        code, said = site.run(*arguments)
        command = " ".join(map(str, arguments))
        self.expect(code == 0, "exit", f"`{command}` ended with {code}: {tail(said)}")
        return said

    def close(self) -> None:
        """Let no process survive, and count what was done to them."""
        for site in self.sites:
            site.commands.end()
            self.tally.kills += site.commands.kills
            self.tally.strikes += read_strikes(site)
        self.tally.kills += self.tally.strikes.total()


def tail(said: str) -> str:
    """Return the end of a command's output."""
    return " / ".join(line.strip() for line in said.strip().splitlines()[-4:])[-600:]


def read_strikes(site: Site) -> Counter[str]:
    """Count the processes that killed themselves, by point."""
    file = site.inside / "strikes"
    return Counter(file.read_text("ascii").split()) if file.exists() else Counter()


@dataclass
class Keeper:
    """A thread that runs `ledger spawn` again whenever it ends before all is done."""

    round: Round
    site: Site
    arguments: tuple[object, ...] = ()
    forgiven: tuple[str, ...] = ()  # errors that a failing `spawn` may report
    leader: int = 0
    cures: Callable[[int, str], None] | None = None
    _read: int = 0

    def __post_init__(self) -> None:
        self._spawn()

    def respawn(self) -> None:
        """Run it again although the last run reported that all is done."""
        self._spawn()

    @property
    def done(self) -> bool:
        """Whether all is done; starts `ledger spawn` again if it ended before that."""
        code = self.site.commands.leaders[self.leader].poll()
        if code is None:
            return False
        if code == 0:
            return True
        self._note(code)
        self._spawn()
        return False

    def finish(self, patience: float = PATIENCE) -> None:
        """Let it come to its end.

        Raises:
            Hung: it does not.
        """
        deadline = time.monotonic() + patience
        while not self.done:
            if time.monotonic() > deadline:
                raise Hung(f"not done after {patience:g} s without faults: {self.site.said}")
            time.sleep(0.01)

    def _spawn(self) -> None:
        self._read = self.site.said.stat().st_size if self.site.said.exists() else 0
        arguments = self.arguments or (self.round.workers, "--quiet")
        self.leader = self.site.start("spawn", *arguments)
        self.round.tally.spawns += 1
        if self.round.tally.spawns > 5_000:
            raise Hung("`ledger spawn` was started 5,000 times in this round")

    def _note(self, code: int) -> None:
        """An end that was not asked for is a violation, unless it is one of those foreseen."""
        with self.site.said.open("rb") as file:
            file.seek(self._read)
            said = file.read().decode("utf-8", "replace")
        if code == KILLED:
            return
        if CANNOT_START in said:
            self.round.tally.false_starts += 1
        elif self.cures and any(text in said for text in self.forgiven):
            self.cures(code, said)
        else:
            self.round.broken("exit", f"spawn ended with {code}: {tail(said)}")
            raise Hung(f"spawn ended with {code}")


class Storm:
    """A kind of fault. Its docstring's first line describes it; `order` gives its turn."""

    name = ""
    shape = Shape()
    rounds = 1  # with the default number of kills
    least_rounds = 1
    small: ClassVar[dict[str, Any]] = {}  # what is otherwise in a small run, for the test suite

    def shrink(self) -> None:
        """Be small from now on."""
        for name, value in self.small.items():
            setattr(self, name, value)

    def obstacle(self) -> str:
        """Return why this fault is not possible here, or ""."""
        return ""

    def run(self, it: Round) -> None:
        """One round."""
        raise NotImplementedError

    @property
    def about(self) -> str:
        """Return its description in one line."""
        return (self.__doc__ or "").splitlines()[0]


def total(tallies: Iterable[Tally]) -> Tally:
    """All of them together."""
    whole = Tally()
    for tally in tallies:
        whole.add(tally)
    return whole
