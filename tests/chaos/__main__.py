"""`bin/chaos`: storms over real builds, each judged; prints its seed, and how to see a failure again."""

from __future__ import annotations

import json
import resource
import secrets
import shutil
import signal
import sys
import tempfile
import time
import traceback
from dataclasses import dataclass, field
from pathlib import Path

import click

from chaos.processes import Hung, adopt_orphans
from chaos.report import show
from chaos.rounds import Round, Storm, Tally
from chaos.site import Nursery
from chaos.storms import STORMS

KILLS = 10_000
LAST = STORMS[-1]


@dataclass
class Weather:
    """One run of `bin/chaos`."""

    seed: int
    kills: int
    workers: int
    work: Path
    rounds: int | None = None
    only_round: int | None = None
    deadline: float = float("inf")
    small: bool = False
    tallies: dict[str, Tally] = field(default_factory=dict)
    kept: list[Path] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.small:
            self.rounds = 1
            for storm in STORMS:
                storm.shrink()
        self.nursery = Nursery(self.work, self.workers)

    @property
    def killed(self) -> int:
        """Return the number of processes killed so far."""
        return sum(tally.kills for tally in self.tallies.values())

    @property
    def broken(self) -> int:
        """Return the number of broken promises."""
        return sum(len(tally.violations) for tally in self.tallies.values())

    def as_dict(self, seconds: float) -> dict[str, object]:
        """For `--json`."""
        return {
            "seed": self.seed, "workers": self.workers, "small": self.small,
            "seconds": round(seconds, 1), "kills": self.killed, "violations": self.broken,
            "storms": {name: tally.as_dict() for name, tally in self.tallies.items()},
        }  # fmt: skip

    @property
    def late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() > self.deadline

    def blow(self, storm: Storm, *, to_the_end: bool) -> None:
        """All rounds of a storm; with `to_the_end`, as many as it takes to have killed enough."""
        tally = self.tallies[storm.name] = Tally(skipped=storm.obstacle())
        if tally.skipped:
            return click.echo(f"{storm.name}: skipped: {tally.skipped}", err=True)
        if self.only_round is not None:
            return self._round(storm, self.only_round)
        number, wanted = 0, self._rounds(storm)
        while not self.late and (
            number < wanted or (to_the_end and self.rounds is None and self.killed < self.kills)
        ):
            self._round(storm, number)
            number += 1
        return None

    def _rounds(self, storm: Storm) -> int:
        if self.rounds is not None:
            return self.rounds
        return max(storm.least_rounds, round(storm.rounds * self._scale))

    @property
    def _scale(self) -> float:
        return min(1.0, self.kills / KILLS)

    def _round(self, storm: Storm, number: int) -> None:
        folder = self.work / f"{storm.name}-{number}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        one = Round(storm.name, number, self.seed, self.workers, folder, self.nursery, self._scale)
        started = time.monotonic()
        try:
            storm.run(one)
        except Exception as error:  # noqa: BLE001  a round that breaks is a finding like others
            if not isinstance(error, Hung):
                traceback.print_exc()
            one.broken("harness", f"{type(error).__name__}: {error}")
        finally:
            one.close()
        one.tally.seconds = time.monotonic() - started
        self.tallies[storm.name].add(one.tally)
        self._tell(one)
        if one.tally.violations:
            self.kept.append(folder)
        else:
            shutil.rmtree(folder, ignore_errors=True)

    def _tell(self, one: Round) -> None:
        tally = one.tally
        click.echo(
            f"{one.storm} {one.number}: {tally.kills} kills, {tally.faults} faults, "
            f"{tally.numbers.jobs:,} jobs, {tally.numbers.extra_runs:,} extra runs, "
            f"{len(tally.violations)} violations, {tally.seconds:.1f} s; {self.killed:,} kills so far",
            err=True,
        )
        for violation in tally.violations[:20]:
            click.echo(f"  {violation}", err=True)
        if tally.violations:
            command = f"bin/chaos --seed {self.seed} --workers {self.workers} --kills {self.kills}"
            click.echo(f"  kept: {one.folder}", err=True)
            small = " --small" if self.small else ""
            click.echo(
                f"  again: {command} --storm {one.storm} --round {one.number}{small}", err=True
            )


@click.command()
@click.option("--kills", default=KILLS, show_default=True, help="Kill so many processes in all.")
@click.option("--seed", type=int, help="Draw the same plans as the run that printed this.")
@click.option("--workers", default=4, show_default=True, help="Workers of every build.")
@click.option("--rounds", type=int, help="So many rounds of every storm, whatever --kills says.")
@click.option("--round", "only_round", type=int, help="This round alone, of the storms named.")
@click.option("--minutes", type=float, help="Begin no round after so many minutes.")
@click.option("--small", is_flag=True, help="One small round of each, as in the test suite.")
@click.option("--storm", "names", multiple=True, type=click.Choice([s.name for s in STORMS]))
@click.option("--json", "target", type=click.Path(path_type=Path), help="Write the figures there.")
@click.option("--work", type=click.Path(path_type=Path), help="Work below this folder.")
@click.option("--list", "list_", is_flag=True, help="Say which storms there are.")
def main(
    *, kills: int, seed: int | None, workers: int, rounds: int | None, only_round: int | None,
    minutes: float | None, names: tuple[str, ...], target: Path | None, work: Path | None,
    list_: bool, small: bool,
) -> None:  # fmt: skip
    """Kill, stop, starve and damage real builds; exits with 1 if a promise was broken."""
    if list_:
        for storm in STORMS:
            click.echo(f"{storm.name:10} {storm.about}")
        return
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that nothing is left running
    adopt_orphans()
    seed = secrets.randbelow(2**32) if seed is None else seed
    click.echo(f"seed {seed}")
    if work:
        work.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="ledger-chaos-", dir=work)).resolve()
    weather = Weather(seed, kills, workers, folder, rounds, only_round, small=small)
    if minutes is not None:
        weather.deadline = time.monotonic() + 60 * minutes
    started = time.monotonic()
    try:
        for storm in STORMS:
            if not names or storm.name in names:
                weather.blow(storm, to_the_end=storm is LAST)
    finally:
        if not weather.kept:
            shutil.rmtree(folder, ignore_errors=True)
    took = time.monotonic() - started
    show(weather.tallies)
    own, theirs = (
        sum(resource.getrusage(whose)[:2])
        for whose in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    click.echo(f"processor: {own:.0f} s of the harness, {theirs:.0f} s of the builds")
    click.echo(f"seed {seed}: {weather.killed:,} kills, {weather.broken} violations, {took:.0f} s")
    if target:
        target.write_text(
            json.dumps(weather.as_dict(took), indent=1, ensure_ascii=False) + "\n", "utf-8"
        )
    sys.exit(bool(weather.broken))


if __name__ == "__main__":
    main()
