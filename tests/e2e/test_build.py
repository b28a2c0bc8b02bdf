"""Builds by the real command, under various circumstances."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys

import pytest
from e2e.conftest import STARTER, until


@pytest.mark.slow
def test_the_number_of_workers_does_not_show(new_site):
    """One, two and twelve workers build the same tree, byte for byte."""
    trees = []
    for workers in (1, 2, 12):
        site = new_site()
        site.run("spawn", workers)
        trees.append(site.tree())

    assert trees[0] == trees[1] == trees[2]
    assert len(trees[0]) > 300


@pytest.mark.slow
def test_kills_do_not_show(new_site):
    """A build whose processes are killed repeatedly gives the same site as an undisturbed one."""
    calm, stormy = new_site(), new_site()
    calm.run("spawn", 2)
    for goal in sorted(random.Random(4).sample(range(3, 300), 5)):
        process = stormy.start("spawn", 6, "--quiet")
        until(lambda g=goal, p=process: stormy.done() >= g or p.poll() is not None, "progress")
        stormy.kill_all(process)

    stormy.run("spawn", 6)

    assert stormy.tree() == calm.tree()
    assert not list(stormy.root.rglob("*.ledger-tmp"))
    assert stormy.status()["failed"] == 0


@pytest.mark.slow
def test_hash_seed_does_not_show(new_site, monkeypatch):
    """The iteration order of Python's sets does not affect the pages."""
    trees = []
    for seed in ("1", "2"):
        monkeypatch.setenv("PYTHONHASHSEED", seed)
        site = new_site(12)
        site.run("spawn", 2)
        trees.append(site.tree())

    assert trees[0] == trees[1]


def test_nothing_to_do_writes_nothing(new_site):
    """Planning and building again without a change writes no file of the site."""
    site = new_site(12)
    site.run("spawn", 2)
    before = site.stamps()

    report = site.run("init")
    site.run("spawn", 2)

    assert "nothing changed" in report
    assert site.stamps() == before


@pytest.mark.slow
def test_a_lost_output_is_built_again(new_site):
    """A done page that was deleted or truncated from outside is built again."""
    site = new_site(12)
    site.run("spawn", 2)
    before = site.tree()
    (site.root / "site" / "index.html").unlink()
    (site.root / "site" / "style.css").write_bytes(b"")

    report = site.run("spawn", 2)

    assert "2 done jobs had lost files" in report
    assert site.tree() == before


def test_one_edited_document_embeds_only_itself(new_site):
    """After an edit one new embed job is planned, and only pages whose bytes differ are written."""
    site = new_site(24)
    site.run("spawn", 2)
    before, stamps = site.tree(), site.stamps()
    poems = site.poems()
    poems[5]["content"] += "\nAnd one line more about the sea."
    site.write_poems(poems)

    site.run("init")
    with site.store() as store:
        waiting = store.connection.execute(
            "SELECT payload FROM jobs WHERE kind = 'embed' AND state = 'pending'"
        ).fetchall()
    site.run("spawn", 2)

    embedded = [payload for (payload,) in waiting]
    after = site.tree()
    rewritten = {path for path, stamp in site.stamps().items() if stamp != stamps.get(path)}
    assert len(embedded) == 1
    assert embedded[0].count("letters/") <= 2
    assert rewritten == {path for path, data in after.items() if data != before.get(path)}


@pytest.mark.slow
def test_a_removed_document_takes_its_pages_along(new_site):
    """Pages of a removed document are deleted, and no page links to them."""
    site = new_site(12)
    site.run("spawn", 2)
    site.write_poems(site.poems()[:-1])

    site.run("init")
    site.run("spawn", 2)

    fresh = new_site(11)
    fresh.run("spawn", 2)
    assert site.tree() == fresh.tree()


def test_an_edited_template_rebuilds_its_pages_only(new_site):
    """A project's own template shadows the shipped one, and makes only its kind pending."""
    site = new_site(12)
    site.run("spawn", 2)
    before = site.tree()
    site.template("404.html", "<!doctype html><title>Lost</title><p>Lost.</p>")

    report = site.run("init")
    site.run("spawn", 2)

    after = site.tree()
    assert "1 changed" in report
    assert {path for path in after if after[path] != before.get(path)} == {"404.html"}


def test_only_builds_a_kind_and_what_it_needs(new_site):
    """--only similar makes similar pages and leaves the other pages for later."""
    site = new_site(12)

    site.run("spawn", 2, "--only", "similar")

    assert {path.split("/")[0] for path in site.tree()} == {"similar"}
    site.run("spawn", 2)
    assert "index.html" in site.tree()


@pytest.mark.slow
def test_limit_is_a_trial_of_the_first_documents(new_site):
    """--limit 3 makes the ranking pages of three documents; a full run makes the rest."""
    site = new_site(12)

    site.run("spawn", 2, "--limit", 3)

    pages = [path for path in site.tree() if path.startswith("similar/")]
    assert len(pages) == 3
    site.run("spawn", 2)
    assert len([path for path in site.tree() if path.startswith("similar/")]) == 12


def test_unknown_kind_is_refused(new_site):
    """--only with an unknown kind lists the known ones."""
    assert "use one of" in new_site(2).run("spawn", 1, "--only", "similiar", expect=2)


def test_dry_runs_write_nothing(new_site):
    """`init --dry-run`, `spawn --dry-run` and `status` change no file."""
    site = new_site(12)
    site.write_poems(site.poems()[:5])
    before = site.stamps(".")

    assert "gone" in site.run("init", "--dry-run")
    site.run("spawn", "--dry-run")
    site.run("status")

    assert site.stamps(".") == before


def test_dry_run_in_an_empty_folder(tmp_path, new_site):
    """`init --dry-run` lists what it would create, and creates nothing."""
    site = new_site(2)
    site.root = tmp_path / "empty"
    site.root.mkdir()

    report = site.run("init", "--dry-run")

    assert "ledger.toml: would be created" in report
    assert list(site.root.iterdir()) == []
    site.root = tmp_path / "0" / "project"


def test_an_edit_of_the_settings_asks_for_a_new_plan(new_site):
    """`spawn` refuses to build if the settings were edited after planning."""
    site = new_site(2)
    with (site.root / "ledger.toml").open("a") as file:
        file.write("\n[pages]\ndepth = 1\n")

    assert "ledger init" in site.run("spawn", 1, expect=2)


@pytest.mark.slow
def test_commands_find_the_project_from_below(new_site):
    """A command in a subfolder works on the project above it, and -C names one."""
    site = new_site(2)
    site.run("spawn", 1)
    below = site.root / "site" / "similar"

    root, site.root = site.root, below
    assert "done" in site.run("status")
    site.root = root.parent
    assert "done" in site.run("status", "-C", root)
    site.root = root


@pytest.mark.slow
def test_depth_all_and_small_pages(new_site):
    """With depth "all" every ranking lists all other documents, on as many pages as needed."""
    site = new_site(10, '[pages]\ndepth = "all"\nper_page = 4\n')
    site.run("spawn", 2)

    pages = [path for path in site.tree() if path.startswith("similar/letters/1")]
    text = b"".join(site.tree()[path] for path in sorted(pages))
    assert (
        len([path for path in pages if path.split("/")[-1].split("~")[0].split(".")[0] == "1"]) == 3
    )
    assert text.count(b'href="../../different/letters/2.html"') >= 1


@pytest.mark.slow
def test_less_depth_slices_and_more_ranks_again(new_site):
    """Less depth slices stored rankings, more ranks again; pages equal those of a fresh build."""
    site = new_site(20, "[pages]\ndepth = 12\n")
    site.run("spawn", 2)

    def build(depth: int) -> int:
        settings = (site.root / "ledger.toml").read_text().rpartition("depth")[0]
        (site.root / "ledger.toml").write_text(f"{settings}depth = {depth}\n")
        site.run("init")
        with site.store() as store:
            ranked = {count.kind: count.pending for count in store.counts()}["rank-different"]
        site.run("spawn", 2)
        return ranked

    assert build(5) == 0
    fresh = new_site(20, "[pages]\ndepth = 5\n")
    fresh.run("spawn", 2)
    assert site.tree() == fresh.tree()
    assert build(15) > 0


def test_one_document_is_a_site(new_site):
    """A corpus of one document has nothing to compare, and every page is built."""
    site = new_site(1)

    site.run("spawn", 2)

    assert b"only document" in site.tree()["similar/letters/1.html"]


def test_no_identity_leads_outside(new_site):
    """Ids that are paths, device names or emoji stay inside the output folder."""
    site = new_site(3)
    poems = site.poems()
    for poem, name in zip(poems, ("../../etc/passwd", "CON", "🌊"), strict=True):
        poem["id"] = name
    poems[0]["category"] = "../.."
    site.write_poems(poems)
    before = {path for path in site.root.parent.rglob("*") if "project" not in path.parts}

    site.run("init")
    site.run("spawn", 2)

    after = {path for path in site.root.parent.rglob("*") if "project" not in path.parts}
    assert before == after
    assert len([path for path in site.tree() if path.startswith("different/")]) == 3


def test_a_linked_output_folder_is_refused(new_site, tmp_path):
    """A link below the output folder that leads elsewhere is not followed."""
    site = new_site(2)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (site.root / "site").mkdir()
    (site.root / "site" / "similar").symlink_to(elsewhere)

    report = site.run("spawn", 1, expect=1)

    assert "outside the project" in report
    assert list(elsewhere.iterdir()) == []


def test_status_answers_while_the_ledger_is_being_written(new_site):
    """While another process holds the write lock, `status` answers at once."""
    site = new_site(2)
    with site.store() as store:
        store.connection.execute("BEGIN IMMEDIATE")
        store.connection.execute("UPDATE jobs SET priority = 1")

        status = site.status()

        store.connection.execute("ROLLBACK")
    assert status["pending"] > 0


def test_a_second_coordinator_is_told_to_wait(new_site):
    """While one `spawn` is running another is refused with exit code 3."""
    site = new_site()
    first = site.start("spawn", 2, "--cool-down", 30)
    until(lambda: site.done() > 0, "the first job")

    report = site.run("spawn", 2, expect=3)

    assert str(first.pid) in report
    first.send_signal(signal.SIGINT)
    first.communicate(timeout=30)


def test_ctrl_c_finishes_what_is_in_hand(new_site):
    """The first Ctrl+C drains: nothing is left running, and the exit code is 130."""
    site = new_site()
    process = site.start("spawn", 2, "--cool-down", 30)
    until(lambda: site.done() > 0, "the first job")

    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)

    status = site.status()
    assert process.returncode == 130
    assert (status["running"], status["failed"]) == (0, 0)
    assert status["pending"] > 0


@pytest.mark.slow
def test_a_storm_of_signals_is_weathered(new_site):
    """The coordinator survives any number of SIGCHLD."""
    site = new_site()
    process = site.start("spawn", 2, "--quiet")
    until(lambda: site.done() > 0 or process.poll() is not None, "the first job")
    for _ in range(5000):
        if process.poll() is None:
            os.kill(process.pid, signal.SIGCHLD)

    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err


def test_workers_leave_when_their_coordinator_dies(new_site):
    """Workers whose coordinator is killed finish, release their leases, and exit."""
    site = new_site()
    process = site.start("spawn", 2, "--cool-down", 30)
    until(lambda: site.done() > 0 and len(site.worker_pids()) == 2, "both workers")

    process.kill()
    process.communicate()
    until(lambda: not site.worker_pids(), "the workers' end")

    assert site.status()["running"] == 0


@pytest.mark.slow
def test_a_killed_worker_is_replaced(new_site):
    """A worker that is killed is replaced, and the site is complete."""
    site = new_site()
    process = site.start("spawn", 2, "--cool-down", 0.2)
    until(lambda: site.done() > 0 and len(site.worker_pids()) == 2, "both workers")

    os.kill(site.worker_pids()[0], signal.SIGKILL)
    _, err = process.communicate(timeout=60)

    assert process.returncode == 0, err
    with site.store(read_only=True) as store:
        outcomes = [row[0] for row in store.connection.execute("SELECT outcome FROM workers")]
    assert sorted(outcomes) == ["finished", "finished", "killed by SIGKILL"]


def test_the_command_is_quick_to_help():
    """`ledger --help` imports nothing heavy."""
    code = "import sys, ledger.cli; print([m for m in ('numpy', 'jinja2', 'rich', 'sqlite_utils', 'yaml', 'structlog') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert out.stdout.strip() == "[]"


def test_json_views_parse(new_site):
    """All output of --json is JSON, line by line."""
    import json

    site = new_site(4)
    lines = [
        *site.run("init", "--json").splitlines(),
        *site.run("spawn", 2, "--json").splitlines(),
        *site.run("status", "--json").splitlines(),
    ]

    assert all(isinstance(json.loads(line), dict) for line in lines)


def test_the_starter_corpus_is_ours(new_site):
    """The shipped starter corpus has no problem and is used for an empty folder."""
    assert len(new_site().poems()) == 72
    assert STARTER.is_file()


@pytest.mark.slow
def test_a_run_leaves_no_slots(new_site):
    """A run removes its worker slots, and those of a killed run."""
    site = new_site(24)
    process = site.start("spawn", 2)
    until(lambda: site.done() > 0, "the first job")
    site.kill_all(process)

    site.run("spawn", 3)

    assert [] == [*(site.root / ".ledger" / "workers").iterdir()]


def test_temp_files_of_a_run_whose_coordinator_was_killed_are_swept(new_site):
    """Temporary files of a killed run are removed, even if its workers were marked as ended."""
    site = new_site(6, "[workers]\nlease_seconds = 1\n")  # else what they held would be waited for
    process = site.start("spawn", 2)
    until(lambda: site.done() > 0, "the first job")
    site.kill_all(process)
    left = site.root / "site" / ".1.7.ledger-tmp"
    left.parent.mkdir(exist_ok=True)
    left.touch()
    with site.store() as store:
        for row in store.runs.open_workers():
            store.end_worker(row.id, "killed by SIGKILL")

    site.run("spawn", 2)

    assert not left.exists()
