"""Damaged files: found by `doctor` and `verify`, put back, and built again as they were."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from e2e.conftest import until
from health.conftest import flip

from ledger.store.plan import add_stale_output

if TYPE_CHECKING:
    from health.conftest import DamagedSite


def cut(path: Path) -> None:
    """Take the second half of a file away."""
    os.truncate(path, path.stat().st_size // 2)


def become_a_folder(path: Path) -> None:
    """A folder where the file was."""
    path.unlink()
    path.mkdir()


DAMAGES: dict[str, tuple[Callable[[Path], None], str]] = {
    "gone": (Path.unlink, "is missing"),
    "short": (cut, "bytes instead of"),
    "flipped": (flip, "has other bytes than it had"),
}
FILES = {
    "a page": "site/similar/*/*.html",
    "the style": "site/style.css",
    "an entry block": ".ledger/artefacts/entry/*/00000.html",
    "a ranking": ".ledger/artefacts/rank-similar/*/00000.npy",
    "cosines": ".ledger/artefacts/gram/*/00000.npy",
    "vectors": ".ledger/vectors/*/*.npz",
}


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_file_is_found_and_made_again(site: DamagedSite, damage: str, file: str) -> None:
    """`verify` names it and puts it back; `spawn` makes it again and writes no other file."""
    path = site.find(FILES[file])
    name = path.relative_to(site.root).as_posix()
    pages, artefacts, stamps = site.tree(), site.tree(".ledger/artefacts"), site.stamps()
    spoil, what = DAMAGES[damage]
    spoil(path)

    assert what in site.look().bad("files")[0]["what"]
    code, document = site.verify()

    assert 1 == code
    assert [name] == [item["path"] for item in document["damaged"]]
    assert what in document["damaged"][0]["what"]
    site.run("spawn", 2)
    assert (pages, artefacts) == (site.tree(), site.tree(".ledger/artefacts"))
    after = site.stamps()
    assert {p for p in stamps if after[p] != stamps[p]} <= {name.removeprefix("site/")}
    assert (0, set()) == (site.verify()[0], site.look().failing)


def test_the_doctor_mends_as_verify_does(site: DamagedSite) -> None:
    """One finding, put back, built again."""
    pages = site.tree()
    flip(site.find("site/similar/*/*.html"))

    health = site.look("--fix")

    assert {"files"} == health.fixed
    assert 0 == health.exit
    assert 1 == site.status()["pending"]
    site.run("spawn", 2)
    assert pages == site.tree()


def swap(path: Path) -> None:
    """Another order in a ranking, which is as plausible as the right one."""
    ranking = np.load(path)
    np.save(path, ranking[:, ::-1])


MISLEADING = {
    "entry": (".ledger/artefacts/entry/*/00000.html", flip),
    "rank-similar": (".ledger/artefacts/rank-similar/*/00000.npy", swap),
}


@pytest.mark.slow
@pytest.mark.parametrize("kind", MISLEADING)
def test_pages_built_from_a_damaged_artefact_are_built_again(
    planned: DamagedSite, site: DamagedSite, kind: str
) -> None:
    """They have the right digest of the wrong bytes, so their own file does not give them away."""
    pattern, spoil = MISLEADING[kind]
    planned.run("spawn", 2, "--only", kind)
    spoil(planned.find(pattern))
    planned.run("spawn", 2)
    assert planned.tree() != site.tree()

    code, document = planned.verify()
    planned.run("spawn", 2)

    assert (1, 1) == (code, len(document["damaged"]))
    assert document["followers"] >= 6
    assert planned.tree() == site.tree()
    assert 0 == planned.verify()[0]


def test_nothing_follows_from_a_missing_artefact_or_a_page(site: DamagedSite) -> None:
    """From what is not there nothing was built, and nobody builds from a page."""
    site.find(".ledger/artefacts/entry/*/00000.html").unlink()
    flip(site.root / "site" / "index.html")

    document = site.verify()[1]

    assert (2, 0) == (document["requeued"], document["followers"])


def test_followers_keep_their_size(site: DamagedSite) -> None:
    """`spawn` counts the room that they take as there already; it would refuse a full disk else."""
    flip(site.find(".ledger/artefacts/entry/*/00000.html"))

    site.verify()

    assert [(".html",)] == [
        (row[0][-5:],) for row in site.sql("SELECT path FROM outputs WHERE bytes IS NULL")
    ]


@pytest.mark.parametrize("state", ["a folder", "a link", "never published"])
def test_stranger_damage(site: DamagedSite, state: str) -> None:
    """A folder or a link in a file's place, and a done job whose file was never published."""
    path = site.find("site/similar/*/*.html")
    if state == "a folder":
        become_a_folder(path)
    elif state == "a link":
        path.rename(site.root / "moved.html")
        path.symlink_to(site.root / "moved.html")
    else:
        site.sql(
            "UPDATE outputs SET bytes = NULL, digest = NULL, inputs = NULL WHERE path = ?",
            path.relative_to(site.root).as_posix(),
        )

    what = site.look().bad("files")[0]["what"]

    assert ("never published" if state == "never published" else "is not a file") in what
    assert 1 == site.verify()[1]["requeued"]


def test_files_of_other_jobs_are_not_looked_at(site: DamagedSite) -> None:
    """A worker killed before it settled leaves a new file beside the digest of the old one."""
    site.sql("UPDATE jobs SET state = 'pending' WHERE kind = 'similar'")
    flip(site.find("site/similar/*/*.html"))

    assert 0 == site.verify()[0]


def test_verify_of_a_sound_site(site: DamagedSite) -> None:
    """Exit 0, the number of files, and not a byte of the ledger written."""
    before = site.path.read_bytes()

    report = site.run("verify")

    assert f"{len(site.sql('SELECT 1 FROM outputs'))} files checked" in report
    assert "0 damaged" in report
    assert before == site.path.read_bytes()


def test_verify_says_what_comes_next(site: DamagedSite) -> None:
    """With the damaged paths."""
    flip(site.root / "site" / "index.html")

    report = site.run("verify", expect=1)

    assert "damaged  site/index.html has other bytes than it had" in report
    assert "1 job to be done again: `ledger spawn` builds" in report


@pytest.mark.slow
def test_an_interrupted_verify_changes_nothing(site: DamagedSite) -> None:
    """Ctrl+C in the middle of hashing: exit 130, and the damage is still to be found."""
    flip(site.root / "site" / "style.css")
    large = site.root / "site" / "index.html"
    os.truncate(large, 1 << 31)  # of zeros, which take no room
    site.sql("UPDATE outputs SET bytes = ? WHERE path = 'site/index.html'", 1 << 31)
    process = site.start("verify")
    until(lambda: str(large) in opened(process.pid), "the large file to be read")

    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)

    assert 130 == process.returncode, out + err
    assert "nothing was changed" in err
    assert 0 == site.status()["pending"]


def opened(pid: int) -> set[str]:
    """The files that a process has open."""
    try:
        return {str(file.readlink()) for file in Path(f"/proc/{pid}/fd").iterdir()}
    except OSError:  # it opened or closed one just then
        return set()


def test_temp_files_of_the_dead_are_swept(site: DamagedSite) -> None:
    """In the site and in the state folder; a file with another ending is a person's."""
    folders = [site.root / "site", site.find(".ledger/artefacts/entry/*")]
    for folder in folders:
        (folder / ".99.1.ledger-tmp").touch()
        (folder / ".99.1.tmp").touch()

    assert 2 == len(site.look().bad("temporary"))
    assert {"temporary"} == site.look("--fix").fixed
    assert 2 == len(list(site.root.rglob(".99*")))
    assert set() == site.look().failing


def test_a_temp_file_of_the_living_is_not(site: DamagedSite) -> None:
    """A worker that is at work under a coordinator is writing it."""
    with site.store() as store:
        worker = store.start_worker(1, 1, os.getpid())
    (site.root / "site" / f".{worker}.1.ledger-tmp").touch()

    with site.building():
        assert [] == site.look().bad("temporary")
    assert 1 == len(site.look().bad("temporary"))


def test_leftovers_are_deleted(site: DamagedSite) -> None:
    """Files of an older plan that a kill kept from being deleted."""
    shutil.copy(site.root / "site" / "index.html", site.root / "site" / "old.html")
    with site.store() as store, store.immediate():
        add_stale_output(store, "site/old.html")

    assert "site/old.html" == site.look().bad("stale_outputs")[0]["where"]
    assert {"stale_outputs"} == site.look("--fix").fixed
    assert not (site.root / "site" / "old.html").exists()


def test_a_leftover_behind_a_link_is_left_to_a_person(site: DamagedSite, tmp_path: Path) -> None:
    """It is not deleted, and stays a warning that says so."""
    (tmp_path / "old.html").touch()
    (site.root / "site" / "away").symlink_to(tmp_path)
    with site.store() as store, store.immediate():
        add_stale_output(store, "site/away/old.html")

    health = site.look("--fix")

    assert 1 == health.exit
    assert "by hand" in health.bad("stale_outputs")[0]["remedy"]
    assert (tmp_path / "old.html").exists()
