"""A ledger of every earlier version becomes one of the present version, with all that it holds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ledger.store import connection as db
from ledger.store.connection import migrations
from ledger.store.migrations import migrate
from ledger.store.queues import all_queues
from ledger.store.store import Store

if TYPE_CHECKING:
    from pathlib import Path

VERSION = len(migrations())
QUEUES_SINCE = 4

SITE = """
INSERT INTO runs (id, started_at, workers, keep_going, settled_before) VALUES (1, 5.0, 2, 1, 0);
INSERT INTO workers (id, run, number, pid, started_at) VALUES (1, 1, 1, 77, 5.0);
INSERT INTO leases (token, worker, expires) VALUES (9, 1, 100.0);
INSERT INTO jobs (id, kind, key, phase, fingerprint, max_attempts, state, lease, attempts) VALUES
    (1, 'page', 'pending', 0, 'f', 3, 'pending', NULL, 0),
    (2, 'page', 'held', 0, 'f', 3, 'held', NULL, 0),
    (3, 'page', 'running', 0, 'f', 3, 'running', 9, 1),
    (4, 'page', 'done', 0, 'f', 3, 'done', NULL, 1),
    (5, 'page', 'failed', 0, 'f', 3, 'failed', NULL, 3);
INSERT INTO outputs (path, job, bytes, digest, inputs) VALUES ('site/4', 4, 10, 'd', 'i');
INSERT INTO leftovers (path) VALUES ('site/old');
INSERT INTO failures (job, run, worker, attempt, at, what, context, remedy)
    VALUES (5, 1, 1, 3, 6.0, 'what', 'context', 'remedy');
INSERT INTO facts (name, value) VALUES ('plan', '{"corpus": "c", "sources": "s"}');
INSERT INTO documents (identity, position, chronology, category, id, slug, label, title, author,
                       source, content, digest, text_digest)
    VALUES ('a/1', 0, 0, 'a', '1', 'a/1', '', '', '', '', 'text', 'd', 't');
"""

QUEUES = """
INSERT INTO queues (phase, name, kind, module, recipe, policy, money_ceiling, money_spent, pace)
    VALUES (1000, 'pay', 'llm', 'worker.kinds.llm', '{}', 'hold', 50, 20, 0.5),
           (1001, 'own', 'mine', 'package.mine', '{}', 'retry', NULL, 0, 1.0);
INSERT INTO jobs (id, kind, key, phase, fingerprint, max_attempts, state, lease, uncertain, tokens_in)
    VALUES (6, 'llm', 'pay/a', 1000, 'f', 3, 'running', 9, 0, 7),
           (7, 'llm', 'pay/b', 1000, 'f', 3, 'done', NULL, 0, 7),
           (8, 'llm', 'pay/c', 1000, 'f', 3, 'failed', NULL, 1, 7);
INSERT INTO attempts (id, job, run, worker, attempt, started_at, seconds, outcome, money)
    VALUES (1, 7, 1, 1, 1, 5.0, 0.5, 'done', 20);
INSERT INTO results (job, value) VALUES (7, '{"answer": 42}');
INSERT INTO paces (queue, at, per_second, why) VALUES (1000, 5.0, 0.5, 'refused');
"""


def _earlier_ledger(path: Path, version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A ledger of an earlier version that has something in every table."""
    with monkeypatch.context() as patched:
        patched.setattr(db, "migrations", lambda: migrations()[:version])
        migrate(path)
    connection = db.sqlite3.connect(path)
    connection.executescript(SITE + (QUEUES if version >= QUEUES_SINCE else ""))
    connection.close()


def _sql(path: Path, text: str) -> list[tuple[Any, ...]]:
    connection = db.sqlite3.connect(path)
    rows = [tuple(row) for row in connection.execute(text)]
    connection.close()
    return rows


def _schema(path: Path) -> dict[tuple[str, str], str]:
    """The statement that made each table, index, trigger and view, with white space made equal."""
    rows = _sql(path, "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL")
    return {(sort, name): " ".join(sql.split()) for sort, name, sql in rows}


@pytest.fixture(params=range(1, VERSION))
def upgraded(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, int]:
    """A ledger that was of an earlier version, and which."""
    path = tmp_path / "ledger.db"
    _earlier_ledger(path, request.param, monkeypatch)
    migrate(path)
    return path, request.param


def test_the_schema_is_that_of_a_new_file(upgraded: tuple[Path, int]) -> None:
    """Every table, column, index, trigger and view is made by the same statement."""
    path, _ = upgraded
    new = path.with_name("new.db")
    migrate(new)

    assert _schema(new) == _schema(path)
    assert _sql(new, "PRAGMA user_version") == _sql(path, "PRAGMA user_version")


def test_what_a_site_has_survives(upgraded: tuple[Path, int]) -> None:
    """Jobs in all states, a lease, outputs, failures, documents and facts; none is cascaded away."""
    path, _ = upgraded

    states = dict(_sql(path, "SELECT key, state FROM jobs WHERE phase < 1000"))
    assert states == {
        "pending": "pending", "held": "deselected", "running": "running", "done": "done",
        "failed": "failed",
    }  # fmt: skip
    assert [(9, 1, 100.0)] == _sql(path, "SELECT token, worker, expires FROM leases")
    assert [("site/4", 4, 10, "d", "i")] == _sql(path, "SELECT * FROM outputs")
    assert [("site/old",)] == _sql(path, "SELECT path FROM stale_outputs")
    assert [(5, "what", "remedy")] == _sql(path, "SELECT job, what, remedy FROM failures")
    assert [("a/1", "text", "{}")] == _sql(path, "SELECT identity, content, extra FROM documents")
    assert [("page", "failed", 3)] == _sql(path, "SELECT kind, key, attempt FROM failure_list")


def test_what_queues_have_survives(upgraded: tuple[Path, int]) -> None:
    """Policies and modules get their present names; attempts, results and limits stay."""
    path, version = upgraded
    if version < QUEUES_SINCE:
        assert [] == _sql(path, "SELECT * FROM queues")
        return

    with Store(path) as store:
        pay, own = all_queues(store)
    assert (pay.policy, pay.module) == ("park", "worker.kinds.queue.llm")
    assert (pay.money_ceiling, pay.money_spent, pay.rate_factor) == (50, 20, 0.5)
    assert (own.policy, own.module) == ("retry", "package.mine")
    assert [(7, "done", 20)] == _sql(path, "SELECT job, outcome, money FROM attempts")
    assert [(7, '{"answer": 42}')] == _sql(path, "SELECT * FROM results")
    assert [(1000, 0.5, "refused")] == _sql(path, "SELECT queue, per_second, why FROM rate_changes")
    assert [(6, 9, 7)] == _sql(path, "SELECT id, lease, tokens_in FROM jobs WHERE key = 'pay/a'")
    assert [(1,)] == _sql(path, "SELECT uncertain FROM jobs WHERE key = 'pay/c'")


def test_the_file_is_sound_and_counted(upgraded: tuple[Path, int]) -> None:
    """No reference is loose, and the counters agree with the jobs, also after another write."""
    path, _ = upgraded
    with Store(path) as store:
        store.retry(failed_only=True, key="failed")

    kept = _sql(path, "SELECT phase, kind, class, n FROM counters WHERE n > 0 ORDER BY 1, 2, 3")
    real = _sql(
        path, "SELECT phase, kind, class, count(*) FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    )
    assert real == kept
    assert [] == _sql(path, "PRAGMA foreign_key_check")
    assert [("ok",)] == _sql(path, "PRAGMA integrity_check")
