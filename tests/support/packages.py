"""Packages of other people: installed by a folder on PYTHONPATH, as pip would leave them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

DOCS = Path(__file__).resolve().parents[2] / "docs"
POEMS = """[{"id": 1, "content": "the sea the sea"}, {"id": 2, "content": "a tree, a river"},
            {"id": 3, "content": "home at last, and bread"}]"""


class Ran(NamedTuple):
    """How a command ended."""

    code: int
    text: str


class Package:
    """One package, and a project beside it in which `ledger` sees the package."""

    def __init__(self, folder: Path, name: str = "mypackage") -> None:
        self.home = folder / "installed"
        self.root = folder / "project"
        self.name = name
        self.root.mkdir(parents=True)

    def install(self, points: dict[str, dict[str, str]], modules: dict[str, str]) -> None:
        """Write the package: entry points by group, modules by dotted name."""
        info = self.home / f"{self.name}-1.dist-info"
        info.mkdir(parents=True)
        lines = []
        for group, entries in points.items():
            lines += [f"[{group}]", *(f"{name} = {value}" for name, value in entries.items())]
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {self.name}\nVersion: 1\n")
        (info / "entry_points.txt").write_text("\n".join(lines))
        for module, text in modules.items():
            path = self.home / f"{module.replace('.', '/')}.py"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)

    def install_from(self, page: str) -> None:
        """Write the package that a page of the documentation shows."""
        text = (DOCS / page).read_text("utf-8")
        (toml,) = re.findall("```toml\n(.*?)```", text, re.DOTALL)
        (code,) = re.findall("```python\n(.*?)```", text, re.DOTALL)
        points = tomllib.loads(toml)["project"]["entry-points"]
        values = {value for entries in points.values() for value in entries.values()}
        (module,) = {value.partition(":")[0] for value in values}
        self.install(points, {module: code})

    def write(self, name: str, text: str) -> None:
        """Write a file of the project."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")

    def ledger(self, *arguments: str) -> Ran:
        """Run `ledger`; what it wrote to either stream."""
        env = {**os.environ, "PYTHONPATH": str(self.home), "PYTHONDONTWRITEBYTECODE": "1"}
        done = subprocess.run(
            [sys.executable, "-m", "ledger", *arguments],
            cwd=self.root, env=env, capture_output=True, text=True, check=False,
        )  # fmt: skip
        return Ran(done.returncode, done.stdout + done.stderr)

    def page(self, name: str) -> str:
        """A page of the built site."""
        return (self.root / "site" / name).read_text("utf-8")
