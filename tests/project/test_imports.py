"""The module graph: no circle, not even of imports that only serve types or wait for their use."""

from __future__ import annotations

import ast
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

HOME = Path(__file__).resolve().parents[2]


def modules() -> dict[str, Path]:
    """The file of each module."""
    files = [path for name in ("ledger", "worker") for path in HOME.glob(f"{name}/**/*.py")]
    names = {".".join(path.relative_to(HOME).with_suffix("").parts): path for path in files}
    return {name.removesuffix(".__init__"): path for name, path in names.items()}


def imported(path: Path, known: dict[str, Path]) -> set[str]:
    """The modules of ours that a file names in any import, wherever that stands."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            below = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= below & known.keys() or {node.module}
    return found & known.keys()


def test_no_modules_import_each_other() -> None:
    """So that each can be read, and moved, without all others."""
    known = modules()
    graph = {name: imported(path, known) - {name} for name, path in known.items()}

    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        raise AssertionError(" <- ".join(error.args[1])) from None
