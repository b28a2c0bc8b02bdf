"""Checks of vectors against documents, and of the space and the rankings against the plan.

A digest only shows that a file is what was published. These checks read the content: an embedder
may return nonsense, and a file may belong to another plan.
"""

from __future__ import annotations

import json
import zipfile
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ledger.coordinator.outputs import MISSING, Damage
from ledger.health.finding import damaged, error, ok
from ledger.project.load import STATE_FOLDER, parse_project
from ledger.store import health
from ledger.store.connection import MOVE_AWAY
from ledger.store.plan import Documents
from ledger.text import counted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import numpy as np
    import numpy.typing as npt

    from ledger.health.context import CheckContext
    from ledger.health.finding import Finding
    from ledger.store.rows import JobOutputRow
    from ledger.vectors.shards import Name

    Array = npt.NDArray[Any]
    Floats = npt.NDArray[np.float32]

NOT_ARRAYS = (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile)
RANKINGS = {"rank-similar": "space", "rank-different": "gram"}
UNIT_TOLERANCE = 1e-3


# -- shards -----------------------------------------------------------------------------------


def shards(context: CheckContext) -> Iterator[Finding]:
    """Every document, word and theme has a finite vector of its own, of the one width."""
    rows = _jobs(context, "embed")
    if not rows:
        yield ok("nothing is embedded in this plan")
        return
    folder = context.project.state / "vectors" / context.facts["artefacts"]["embed"]
    owners = {row.path: row for row in rows if row.state == "done"}
    # all files of the folder, since `space` reads all of them
    there = {path.relative_to(context.project.root).as_posix() for path in folder.glob("*.npz")}
    found: set[Name] = set()
    width, bad = 0, False
    for path in sorted(there.union(owners)):
        owner = owners.get(path)
        names, width, fault = _shard(context.project.root / path, owner, width)
        found.update(names)
        if fault:
            bad = True
            yield _wrong(path, fault, owner)
    if any(row.state != "done" for row in rows):
        yield ok(f"{counted(len(found), 'vector')} so far; the rest is not embedded yet")
        return
    missing = _wanted(context) - found
    if missing:
        yield _unembedded(context, missing)
    elif not bad:
        yield ok(f"{counted(len(found), 'vector')} of width {width}, one for every text")


def _unembedded(context: CheckContext, missing: set[Name]) -> Finding:
    first, corpus = min(missing)[0], context.project.settings.corpus.path
    return error(
        f"no job is for the vector of {first}"
        + (f" and {len(missing) - 1:,} more" if len(missing) > 1 else ""),
        f"{STATE_FOLDER}/vectors",
        f"touch {corpus} && ledger init && ledger spawn: plans it again",
    )


def _wanted(context: CheckContext) -> set[Name]:
    extra = [json.loads(row.payload).get("digests", {}) for row in _jobs(context, "space")[:1]]
    named = {(str(name), str(text)) for digests in extra for name, text in digests.items()}
    return named | {
        (row.identity, row.text_digest) for row in Documents(context.ledger).identities()
    }


def _shard(path: Path, owner: JobOutputRow | None, width: int) -> tuple[list[Name], int, str]:
    """Names of the vectors in a shard, the width of the first shard, what is wrong or nothing."""
    texts = json.loads(owner.payload)["texts"] if owner is not None else []
    planned = [(str(identity), str(digest)) for identity, digest in texts]
    read = _read(path)
    if isinstance(read, str):
        return planned, width, read
    names, vectors = read
    width = width or vectors.shape[-1]
    if owner is not None and names != planned:
        return planned, width, "holds vectors of other texts than its job was for"
    fault = _nonsense(names, vectors, width)
    return planned if fault else names, width, fault


def _read(path: Path) -> tuple[list[Name], Floats] | str:
    """Read the names and vectors of a shard, or return why that failed."""
    from ledger.vectors.shards import read_shard

    if not path.exists():
        return MISSING
    if not zipfile.is_zipfile(path):  # NumPy would leave it open
        return "cannot be read as vectors: it is no .npz file, or a truncated one"
    try:
        return read_shard(path)
    except NOT_ARRAYS as problem:
        return f"cannot be read as vectors: {problem}"


def _nonsense(names: list[Name], vectors: Floats, width: int) -> str:
    import numpy as np

    if vectors.shape != (len(names), width):
        return f"has the shape {vectors.shape}, not {(len(names), width)}"
    finite = np.isfinite(vectors).all(axis=1)
    return "" if finite.all() else f"has a vector that is not finite: {names[finite.argmin()][0]}"


def _wrong(path: str, fault: str, owner: JobOutputRow | None) -> Finding:
    if owner is None:
        return error(f"{path} {fault}", path, f"no job owns it and `space` reads it: delete {path}")
    return damaged(Damage(owner.id, owner.kind, path, fault))


# -- space ------------------------------------------------------------------------------------


def space(context: CheckContext) -> Iterator[Finding]:
    """The space has a finite unit vector for every document and word, and a theme for every document."""
    rows = {PurePosixPath(row.path).name: row for row in _jobs(context, "space")}
    if not rows or any(row.state != "done" for row in rows.values()):
        yield ok("the space is not made yet")
        return
    faults = [
        finding
        for name, row in rows.items()
        for finding in _foreign(context, row) or _misplaced(context, name, row)
    ]
    yield from faults
    if not faults:
        yield ok(f"a space of {context.facts['documents']:,} documents, all at unit length")


def _misplaced(context: CheckContext, name: str, row: JobOutputRow) -> list[Finding]:
    """Find what is wrong with one file of the space."""
    array, fault = _load(context, row.path)
    fault = fault if array is None else _unplaced(context, name, array)
    return [_wrong(row.path, fault, row)] if fault else []


def _unplaced(context: CheckContext, name: str, array: Array) -> str:
    import numpy as np

    documents, words = context.facts["documents"], len(context.facts["words"])
    if name == "themes.npy":
        themes = len(parse_project(context.project.root, context.facts["settings"]).settings.themes)
        inside = array.shape == (documents,) and _within(array, themes)
        return "" if inside else "does not name a theme for every document"
    count = documents if name == "vectors.npy" else words
    if array.ndim != 2 or len(array) != count or array.dtype != np.float32:
        return f"has the shape {array.shape}, not {count:,} float32 vectors"
    lengths = np.linalg.norm(array, axis=1)
    unit = (np.abs(lengths - 1) < UNIT_TOLERANCE) | (lengths == 0)  # NaN is neither
    return "" if unit.all() else f"has a vector that is not of unit length, row {unit.argmin()}"


# -- rankings ---------------------------------------------------------------------------------


def rankings(context: CheckContext) -> Iterator[Finding]:
    """Both rankings belong to this plan: their blocks cover it, and name its documents."""
    for kind, over in RANKINGS.items():
        rows = _jobs(context, kind)
        done = [row for row in rows if row.state == "done"]
        payloads = [json.loads(row.payload) for row in rows]
        covered = sum(payload["last"] - payload["first"] for payload in payloads)
        faults = [finding for row in done for finding in _block(context, row, over)]
        if rows and covered != context.facts["documents"]:
            what = f"{kind}: blocks for {covered:,} of {context.facts['documents']:,} documents"
            faults.append(error(what, context.name, MOVE_AWAY))
        yield from faults
        if not faults:
            yield ok(f"{kind}: {len(done):,} of {counted(len(rows), 'block')} made, all in range")


def _block(context: CheckContext, row: JobOutputRow, over: str) -> list[Finding]:
    """Find what is wrong with one block of a ranking."""
    foreign = _foreign(context, row, over)
    if foreign:
        return foreign
    array, fault = _load(context, row.path)
    fault = fault if array is None else _misranked(context, json.loads(row.payload), array)
    return [_wrong(row.path, fault, row)] if fault else []


def _misranked(context: CheckContext, payload: dict[str, Any], array: Array) -> str:
    import numpy as np

    first, last, depth = payload["first"], payload["last"], payload["depth"]
    if array.shape != (last - first, depth):
        return f"has the shape {array.shape}, not {(last - first, depth)}"
    if not _within(array, context.facts["documents"]):
        return "names documents that do not exist"
    ordered = np.sort(array, axis=1)
    if (ordered[:, 1:] == ordered[:, :-1]).any():
        return "names a document twice"
    own = np.arange(first, last)[:, None]
    return "names a document as its own neighbour" if (array == own).any() else ""


# -- both -------------------------------------------------------------------------------------


def _jobs(context: CheckContext, kind: str) -> list[JobOutputRow]:
    return health.outputs_of_kind(context.ledger, kind)


def _foreign(context: CheckContext, row: JobOutputRow, over: str = "") -> list[Finding]:
    """Find out whether an artefact belongs to another plan, or lies elsewhere than planned."""
    marks, payload = context.facts["artefacts"], json.loads(row.payload)
    at_home = row.fingerprint == marks[row.kind] == PurePosixPath(row.path).parent.name
    deep = payload.get("depth", context.facts["depth"]) >= context.facts["depth"]
    if at_home and deep and payload.get("space") == (marks[over] if over else None):
        return []
    return [error(f"{row.path} is of another plan", row.path, MOVE_AWAY)]


def _load(context: CheckContext, path: str) -> tuple[Array | None, str]:
    """Map an array into memory, or return None and why that failed."""
    import numpy as np

    try:
        return np.load(context.project.root / path, mmap_mode="r", allow_pickle=False), ""
    except FileNotFoundError:
        return None, MISSING
    except NOT_ARRAYS as problem:
        return None, f"cannot be read as an array: {problem}"


def _within(array: Array, count: int) -> bool:
    import numpy as np

    integers = bool(np.issubdtype(array.dtype, np.integer))
    return integers and (array.size == 0 or bool(array.min() >= 0 and array.max() < count))
