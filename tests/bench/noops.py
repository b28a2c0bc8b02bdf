"""A package of job kinds that do nothing, installed by lying on PYTHONPATH."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from bench.site import Site, environment

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = '''"""noop: does nothing, or sleeps."""

import json
import time

from ledger.jobs import Planned

needs = ()
sites = ("bench",)
effects = False


def plan(plan):
    asked = json.loads((plan.project.root / "noops.json").read_text("utf-8"))
    for number in range(asked["jobs"]):
        yield Planned(f"{number:07}", "1", payload=asked["payload"])


def run(job, context):
    if job.payload:
        time.sleep(job.payload["seconds"])
    return ()
'''

EFFECTS = '''"""noop-effects: the same, as if it called a paid server."""

from ledger_bench_noops.plain import needs, plan, run

sites = ("bench-effects",)
effects = True
'''

FILES = {
    "ledger_bench_noops/__init__.py": "",
    "ledger_bench_noops/plain.py": PLAIN,
    "ledger_bench_noops/effects.py": EFFECTS,
    "ledger_bench_noops-1.dist-info/METADATA": (
        "Metadata-Version: 2.1\nName: ledger-bench-noops\nVersion: 1\n"
    ),
    "ledger_bench_noops-1.dist-info/entry_points.txt": (
        "[ledger.kinds]\n"
        "noop = ledger_bench_noops.plain\n"
        "noop-effects = ledger_bench_noops.effects\n"
    ),
}


def install(folder: Path) -> dict[str, str]:
    """Write the package into a folder; returns an environment in which it is found."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return environment(PYTHONPATH=str(folder))


def noop_site(
    root: Path, packages: Path, jobs: int, *, effects: bool = False, pause: float = 0.0
) -> Site:
    """Make a project of N jobs that do nothing, planned by `ledger init`."""
    root.mkdir(parents=True)
    document = {"id": 1, "category": "bench", "content": "nothing"}
    payload: dict[str, Any] = {"seconds": pause} if pause else {}
    (root / "poems.json").write_text(json.dumps({"poems": [document]}), "utf-8")
    (root / "noops.json").write_text(json.dumps({"jobs": jobs, "payload": payload}), "utf-8")
    kind = "bench-effects" if effects else "bench"
    (root / "ledger.toml").write_text(f'[site]\nkind = "{kind}"\n', "utf-8")
    site = Site(root, install(packages))
    site.ledger("init")
    return site
