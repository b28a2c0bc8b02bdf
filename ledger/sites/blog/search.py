"""The search index of a blog, by Pagefind: made after a build, where the setting asks for it."""

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
    from ledger.store.claims import Store

FOLDER = "pagefind"
_MARK = "search"


def preflight_problem(project: Project) -> list[Problem]:
    """Why there can be no index although the setting asks for one."""
    if not project.settings.blog.search or find_spec("pagefind"):
        return []
    remedy = "pip install 'ledger[search]', or set [blog] search = false"
    return [Problem("ledger.toml blog.search", "needs the package pagefind", remedy)]


def make_index(project: Project, store: Store) -> bool:
    """Index the posts, unless they are what they were when that was done last.

    The index is made beside the site and then put into it, so that there is always a whole one.

    Raises:
        LedgerError: Pagefind failed; with what it said.
    """
    target, mark = project.output / FOLDER, project.state / _MARK
    if not project.settings.blog.search:
        if mark.exists():
            shutil.rmtree(target, ignore_errors=True)
            mark.unlink()
        return False
    now = fingerprint([tuple(row) for row in store.rows("digests_of_kind", kind="post")])
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
