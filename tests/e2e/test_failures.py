"""What happens when a job cannot be done: the report, the exit code, the rest intact, the cure."""

from __future__ import annotations

import json

import pytest

from ledger.store.plan import read_facts

POISON = """{% if document.identity == "letters/3" %}{{ POISON }}{% endif %}
{%- extends "ranking.html" %}
{% block kind %}Most similar{% endblock %}
"""
RAISING = POISON.replace("POISON", "1 / 0")


def killing() -> str:
    """A template on which the process that renders letters/3 is killed.

    Templates are not sandboxed: they can reach `__import__`.
    """
    return POISON.replace(
        "POISON",
        "self.__init__.__globals__['__builtins__']['__import__']('os').kill("
        "self.__init__.__globals__['__builtins__']['__import__']('os').getpid(), 9)",
    )


def test_a_poisoned_document_is_reported_and_the_rest_is_built(new_site):
    """With --keep-going everything else is built; the report has its four parts; exit 1."""
    site = new_site(12)
    site.template("similar.html", RAISING)
    site.run("init")

    report = site.run("spawn", 2, "--keep-going", expect=1)

    assert "similar/letters/3 FAILED (attempt 1 of 3, worker" in report
    assert "what     ZeroDivisionError: division by zero" in report
    assert "similar.html, line 1" in report
    assert "remedy   fix the template" in report
    pages = [path for path in site.tree() if path.startswith(("similar/", "different/"))]
    assert len(pages) == 23


def test_retry_after_the_cure_builds_only_what_failed(new_site):
    """`retry --failed` puts back the failed job alone; done pages are not touched."""
    site = new_site(12)
    site.template("similar.html", RAISING)
    site.run("init")
    site.run("spawn", 2, "--keep-going", expect=1)
    before = site.stamps()

    site.template("similar.html", RAISING.replace("1 / 0", '""'))
    assert "1 jobs are pending again" in site.run("retry", "--failed")
    site.run("spawn", 2)

    after = site.stamps()
    assert {path: after[path] for path in before} == before
    assert "similar/letters/3.html" in after
    assert site.status()["failed"] == 0


def test_the_first_failure_stops_new_claims(new_site):
    """Without --keep-going a failure ends the run soon, and what is left stays claimable."""
    site = new_site()
    site.template("entry.html", "{{ 1 / 0 }}")
    site.run("init")

    report = site.run("spawn", 2, expect=1)

    status = site.status()
    assert "entry.html raised ZeroDivisionError on" in report
    assert status["failed"] == 1
    assert status["pending"] > 200


def test_a_job_that_kills_its_worker_fails_after_its_attempts(new_site):
    """The job is tried three times, then failed with the signal named; the run goes on."""
    site = new_site(12)
    site.template("similar.html", killing())
    site.run("init")

    report = site.run("spawn", 2, "--keep-going", expect=1)

    assert "similar/letters/3 FAILED (attempt 3 of 3, worker" in report
    assert "SIGKILL" in report
    assert len([path for path in site.tree() if path.startswith("similar/")]) == 11


def test_failures_are_in_status_too(new_site):
    """`status` and `status --json` tell the same four parts."""
    site = new_site(6)
    site.template("similar.html", RAISING)
    site.run("init")
    site.run("spawn", 2, "--keep-going", expect=1)

    failure = json.loads(site.run("status", "--json"))["failures"][0]

    assert (failure["kind"], failure["key"], failure["attempt"]) == ("similar", "letters/3", 1)
    assert all(failure[part] for part in ("what", "context", "remedy"))
    assert "ZeroDivisionError" in site.run("status")


def test_a_template_that_does_not_parse_is_found_before_the_first_worker(new_site):
    """Preflight names every broken template with its line, and starts nothing."""
    site = new_site(2)
    site.template("word.html", "{% if %}")
    site.template("similar.html", "\n{{ nope")

    report = site.run("spawn", 1, expect=2)

    assert "templates/word.html:1" in report
    assert "templates/similar.html:2" in report
    assert site.status()["run"] is None


def test_bad_records_are_all_reported_and_nothing_is_lost(new_site):
    """A broken corpus is refused with every problem, and the plan before it stays."""
    site = new_site(6)
    site.run("spawn", 2)
    before = site.tree()
    poems = site.poems()
    del poems[1]["content"]
    poems[3]["id"] = poems[0]["id"]
    site.write_poems(poems)

    report = site.run("init", expect=2)

    assert "2 problems" in report
    assert site.tree() == before
    assert site.status()["done"] > 0


def test_a_page_that_forgets_its_entries_says_so(new_site):
    """A listing template without {{ entries }} fails with the remedy, not with an empty page."""
    site = new_site(3)
    site.template("similar.html", "<!doctype html><title>x</title>")
    site.run("init")

    assert "put {{ entries }} into the template" in site.run("spawn", 1, expect=1)


def test_a_project_without_a_ledger_says_what_to_do(new_site):
    """`status` and `spawn` before `init` name the command that is missing."""
    site = new_site(1)
    for path in (site.root / ".ledger").glob("ledger.db*"):
        path.unlink()

    assert "ledger init" in site.run("status", expect=2)
    assert "ledger init" in site.run("spawn", expect=2)
    site.run("init")


def test_workers_that_cannot_start_end_the_run(new_site, monkeypatch):
    """When no worker comes up the run ends with their last words instead of trying for ever."""
    site = new_site(2)
    (site.root / "sitecustomize.py").write_text(
        "import sys\nif 'worker' in sys.orig_argv: sys.exit('no worker today')\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(site.root))

    report = site.run("spawn", 1, expect=2)

    assert "workers cannot start" in report
    assert "no worker today" in report


def test_a_plan_that_is_too_large_for_the_disk_is_refused(new_site):
    """Before the first page, with both numbers."""
    site = new_site(3)
    with site.store() as store:
        facts = read_facts(store) | {"job_bytes": {"similar": 10**18}}
        store.connection.execute(
            "UPDATE facts SET value = ? WHERE name = 'plan'", (json.dumps(facts),)
        )

    report = site.run("spawn", 1, expect=2)

    assert "needs about 3,000,000,000.0 GB more" in report
    assert site.status()["run"] is None


@pytest.mark.parametrize("command", ["init", "spawn", "status", "retry --failed", "verify"])
def test_a_ledger_that_sqlite_cannot_read_is_refused(new_site, command):
    """By every command in the same way, with a remedy, and without a traceback."""
    site = new_site(2)
    file = site.root / ".ledger" / "ledger.db"
    sound = file.read_bytes()
    file.write_bytes(b"noise" * 4000)

    report = site.run(*command.split(), expect=2)

    assert "remedy   " in report
    assert "Traceback" not in report
    assert file.read_bytes() == b"noise" * 4000
    file.write_bytes(sound)


def test_what_is_put_back_on_purpose_is_made_anew(new_site):
    """Even where size and inputs say that there is no need."""
    site = new_site(3)
    site.run("spawn", 1)
    page = next((site.root / "site" / "similar").rglob("*.html"))
    before = page.read_bytes()
    page.write_bytes(bytes(len(before)))

    site.run("retry", "--all", "--kind", "similar")
    site.run("spawn", 1)

    assert page.read_bytes() == before
