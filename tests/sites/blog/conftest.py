"""A blog in a temporary folder: its posts are written, planned and built as a user would."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ledger.planning.init import plan_project
from ledger.planning.make import make_plan
from ledger.planning.plan import NothingKnown
from ledger.project.load import load_project

SETTINGS = """\
[site]
kind = "blog"
title = "Trial"
language = "en"
url = "https://example.org"

[corpus]
path = "content"

[blog]
languages = ["de", "ar"]
"""

# older than the planner takes for possibly still being written
PAST = 1_700_000_000


class Blog:
    """The project."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.settings()

    def settings(self, more: str = "", base: str = SETTINGS) -> None:
        """Write ledger.toml."""
        (self.root / "ledger.toml").write_text(base + more, "utf-8")

    def write(self, name: str, text: str | bytes, at: int = PAST) -> Path:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode("utf-8"))
        os.utime(path, (at, at))
        return path

    def post(self, name: str, body: str = "Some text.", /, **fields: str) -> Path:
        """Write a post; `fields` are lines of its front matter."""
        head = "".join(f"{key}: {value}\n" for key, value in fields.items())
        return self.write(f"content/{name}.md", f"---\n{head}---\n\n{body}\n")

    def plan(self):
        """Plan the blog, without writing anything."""
        return make_plan(load_project(self.root), NothingKnown())

    def init(self):
        """Run `ledger init`."""
        return plan_project(self.root, None, dry_run=False)

    def spawn(self, workers: int = 1, *more: str) -> subprocess.CompletedProcess[str]:
        """Run `ledger spawn`."""
        command = [
            sys.executable,
            "-m",
            "ledger",
            "spawn",
            str(workers),
            "-C",
            str(self.root),
            *more,
        ]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)

    def build(self, workers: int = 1) -> dict[str, bytes]:
        """Plan and build; return the files of the site."""
        self.init()
        done = self.spawn(workers)
        assert done.returncode == 0, done.stderr
        return self.files()

    def files(self) -> dict[str, bytes]:
        """Return the files of the site by path."""
        site = self.root / "site"
        return {
            path.relative_to(site).as_posix(): path.read_bytes()
            for path in sorted(site.rglob("*"))
            if path.is_file()
        }

    def page(self, url: str) -> str:
        """Return the HTML at a URL."""
        return (self.root / "site" / url.lstrip("/") / "index.html").read_text("utf-8")


@pytest.fixture
def blog(tmp_path):
    """Make an empty blog in English, German and Arabic."""
    return Blog(tmp_path)
