"""After an unclean shutdown, the outputs of that run are verified before they are trusted."""

from __future__ import annotations

import os
from pathlib import Path

from e2e.conftest import until


def rot(path: Path) -> bytes:
    """Change a file but not its size, as a disk does if it never received the blocks."""
    before = path.read_bytes()
    path.write_bytes(bytes(len(before)))
    return before


def test_what_a_killed_run_made_is_hashed(new_site):
    """A page of the right size and the wrong bytes is built again."""
    site = new_site(24)
    process = site.start("spawn", 1)
    until(lambda: site.done() > 20, "some pages")
    site.kill_all(process)
    with site.store(read_only=True) as store:
        files = store.reports.unproven_files()
    path = next(row.path for row in files if "artefacts" not in row.path)
    before = rot(site.root / path)

    report = site.run("spawn", 2)

    assert "did not end cleanly, and 1 file of the" in report
    assert (site.root / path).read_bytes() == before


def test_what_was_made_before_a_restart_is_hashed(new_site):
    """Outputs of cleanly ended runs are hashed too, if they may not have reached the disk."""
    site = new_site(6)
    site.run("spawn", 1, "--only", "similar")
    site.run("spawn", 1)
    page = next((site.root / "site" / "similar").rglob("*.html"))
    before = rot(page)
    with site.store() as store, store.immediate():
        store.connection.execute("UPDATE runs SET boot = 'another'")

    report = site.run("spawn", 1)

    assert "are damaged" in report
    assert page.read_bytes() == before


def test_a_clean_end_costs_nothing(new_site):
    """Sizes are always checked, contents only if there is a reason."""
    site = new_site(6)
    site.run("spawn", 1)

    with site.store(read_only=True) as store:
        assert store.reports.unproven_files() == []
    assert "damaged" not in site.run("spawn", os.cpu_count())
