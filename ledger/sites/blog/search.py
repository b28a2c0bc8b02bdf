"""The search index of a blog, made by Pagefind after a build, if the settings ask for it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

from ledger.errors import LedgerError, Problem
from ledger.fingerprint import fingerprint

if TYPE_CHECKING:
    from ledger.project.settings import Project
    from ledger.store.store import Store

FOLDER = "pagefind"
_MARK = "search"


def preflight_problem(project: Project) -> list[Problem]:
    """Return a problem if the settings ask for an index and Pagefind is not installed."""
    if not project.settings.blog.search or find_spec("pagefind"):
        return []
    remedy = "pip install 'ledger[search]', or set [blog] search = false"
    return [Problem("ledger.toml blog.search", "needs the package pagefind", remedy)]


def make_index(project: Project, store: Store) -> bool:
    """Index the posts if they have changed since the last time; return whether that was done.

    The index is made outside the site and then moved into it, so that it is never incomplete.

    Raises:
        LedgerError: Pagefind failed; the context is its output.
    """
    target, mark = project.output / FOLDER, project.state / _MARK
    if not project.settings.blog.search:
        if mark.exists():
            shutil.rmtree(target, ignore_errors=True)
            mark.unlink()
        return False
    now = fingerprint([tuple(row) for row in store.reports.digests_of_kind("post")])
    if target.is_dir() and mark.exists() and mark.read_text("ascii") == now:
        return False
    fresh = project.state / f"{FOLDER}.new"
    shutil.rmtree(fresh, ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "pagefind",
        "--site",
        str(project.output),
        "--output-path",
        str(fresh),
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise LedgerError(
            "Pagefind could not index the site",
            context=(done.stderr or done.stdout).strip()[-2000:],
            remedy="fix that, or set [blog] search = false",
        )
    mark.unlink(missing_ok=True)
    shutil.rmtree(target, ignore_errors=True)
    shutil.move(fresh, target)
    mark.write_text(now, "ascii")
    return True
