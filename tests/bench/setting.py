"""Shared by the rows: sizes, corpora, the work folder, and projects that are expensive to build."""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass, field
from functools import cached_property
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bench.noops import noop_site
from bench.site import Site

if TYPE_CHECKING:
    from collections.abc import Iterator

HOME = Path(__file__).resolve().parents[2]
STARTER = HOME / "templates" / "starter" / "poems.json"
CORPORA = HOME.parent / "shared" / "corpora"
ENGLISH = CORPORA / "poems-en.json.gz"
TANG = CORPORA / "poems-zh-tang.jsonl.gz"

Record = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Sizes:
    """Sizes of the measurements; the defaults are those of the targets."""

    documents: int = 7_797
    depth: int = 200
    rounds: int = 5
    builds: int = 3
    full_pages: int = 400
    walked_pages: int = 64
    naive_steps: int = 300
    random_starts: int = 50
    noops: int = 200_000
    effects: int = 20_000
    crowd: int = 64
    crowd_jobs: int = 20_000
    peer_noops: int = 10_000
    many_rows: int = 1_000_000
    few_rows: int = 10_000
    claims: int = 2_000


QUICK = Sizes(
    documents=600, rounds=2, builds=1, full_pages=40, walked_pages=16, naive_steps=50,
    random_starts=5, noops=5_000, effects=1_000, crowd=8, crowd_jobs=400, peer_noops=500, many_rows=20_000,
    few_rows=2_000, claims=200,
)  # fmt: skip


@dataclass
class Bench:
    """One run of the bench: its folder, its sizes, the projects that several rows use."""

    work: Path
    quick: bool = False
    sizes: Sizes = field(default_factory=Sizes)
    _numbers: Iterator[int] = field(default_factory=count)

    def folder(self, name: str) -> Path:
        """A folder name that has not been used."""
        return self.work / f"{name}-{next(self._numbers)}"

    @cached_property
    def records(self) -> list[Record]:
        """The English corpus; where it is not, the starter corpus again and again."""
        if ENGLISH.is_file():
            poems = json.loads(gzip.decompress(ENGLISH.read_bytes()))["poems"]
            return list(poems[: self.sizes.documents])
        starter = json.loads(STARTER.read_text("utf-8"))["poems"]
        return [
            {
                **starter[number % len(starter)],
                "id": number,
                "content": f"{number} {starter[number % len(starter)]['content']}",
            }
            for number in range(self.sizes.documents)
        ]

    @property
    def documents(self) -> int:
        """Return the number of documents in the corpus."""
        return len(self.records)

    @property
    def share(self) -> float:
        """The size of the corpus, measured in the whole English one."""
        return self.documents / Sizes().documents

    def unplanned(self, name: str, settings: str = "") -> Site:
        """A new project of the corpus, before its `ledger init`."""
        root = self.folder(name)
        root.mkdir(parents=True)
        (root / "poems.json").write_text(json.dumps({"poems": self.records}), "utf-8")
        (root / "ledger.toml").write_text(f'[site]\ntitle = "Bench"\n{settings}', "utf-8")
        return Site(root)

    def site(self, name: str, settings: str = "") -> Site:
        """A new project of the corpus, planned."""
        site = self.unplanned(name, settings)
        site.ledger("init")
        return site

    @cached_property
    def space(self) -> Site:
        """The corpus as vectors and cosines, as rankings are made from them."""
        site = self.site("space")
        site.ledger("spawn", 2, "--quiet", "--only", "gram")
        return site

    @cached_property
    def built(self) -> tuple[Site, float, float]:
        """The corpus built by two workers, and the seconds of `init` and `spawn`."""
        site = self.unplanned("built")
        return site, site.ledger("init"), site.build(2)

    @cached_property
    def many_jobs(self) -> Site:
        """A ledger of a million rows, of jobs that sleep for 10 ms."""
        return noop_site(self.folder("many"), self.work / "kinds", self.sizes.many_rows, pause=0.01)

    def noops(self, jobs: int, *, effects: bool = False) -> Site:
        """A new project of jobs that do nothing."""
        return noop_site(self.folder("noops"), self.work / "kinds", jobs, effects=effects)
