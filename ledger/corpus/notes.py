"""A folder of notes: `.txt` and `.md` files, with or without front matter."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml

from ledger.corpus.files import decode_lines, printable, read_bytes
from ledger.corpus.formats import Format
from ledger.corpus.records import RecordResult, read_record, unix_newlines
from ledger.corpus.tables import parse_toml
from ledger.errors import BadInputError, Problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ledger.corpus.settings import CorpusSettings

DEFAULT_CATEGORY = "notes"
SUFFIXES = (".txt", ".md")
FIELDS = ("id", "category", "title", "date", "author", "source")

# The C library behind yaml runs out of stack, and kills the process, some 20,000 levels deep.
MAX_FRONT_MATTER = 10_000

# What a file may have beyond its content, for front matter and blank lines, to be read at all.
ROOM = 1_000_000

FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(.*?)^\1[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
OPENING = re.compile(r"(---|\+\+\+)[ \t]*(?:\n|\Z)")
_DATED_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:-.+)?")
_REMEDY = "write it as `title: …` lines between two --- lines, or begin the file with an empty line"


def note_files(folder: Path) -> list[Path]:
    """The notes below `folder`, sorted by relative path; hidden files and folders are not notes.

    Raises:
        BadInputError: a folder cannot be listed.
    """
    found: list[Path] = []
    try:
        for place, folders, names in os.walk(folder, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(place, name) for name in names if _is_note(name)]
    except OSError as error:
        problem = Problem(
            str(error.filename), f"cannot be listed: {error.strerror}", "make it readable"
        )
        raise BadInputError([problem]) from error
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def read_notes(folder: Path, settings: CorpusSettings) -> Iterator[RecordResult]:
    """The records of the notes below `folder`, sorted by relative path."""
    for path in note_files(folder):
        yield _read_note(path, folder, settings)


def _refuse(error: OSError) -> None:
    """Left to itself, os.walk passes over what it may not read."""
    raise error


def _is_note(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def _read_note(path: Path, folder: Path, settings: CorpusSettings) -> RecordResult:
    """The record of one note; front matter wins over what the path says."""
    relative = path.relative_to(folder)
    name = printable(relative.as_posix())
    data = _obstacle(path, folder, name, settings) or read_bytes(path, name)
    if isinstance(data, Problem):
        raw = _from_path(relative)
        return RecordResult(name, f"{raw['category']}/{raw['id']}", problems=(data,))
    decoded, problems = decode_lines(data, name, most=1)
    text = unix_newlines(decoded)
    front = FRONT_MATTER.match(text)
    fields, problems = _fields(front, text, name)
    body = text[front.end() :] if front else text
    raw = _from_path(relative) | fields | {"content": body.strip("\n")}
    record = read_record(raw, name, settings, _lines(text, front, body))
    return record.with_problems([*problems, *problems])


def _obstacle(path: Path, folder: Path, name: str, settings: CorpusSettings) -> Problem | None:
    """What keeps a note from being opened at all.

    A folder that comes from somebody else may have a link to anything that its reader may
    read, and what is read is published.
    """
    if path.is_symlink() and not _real(path).is_relative_to(_real(folder)):
        return Problem(name, "is a link that leads out of the corpus", "put the file itself there")
    size, limit = _size(path), settings.max_document_bytes
    if size <= limit + ROOM:
        return None
    remedy = f"set [corpus] max_document_bytes = {size}, or take the file away"
    return Problem(name, f"has {size:,} bytes, more than the {limit:,} allowed", remedy)


def _real(path: Path) -> Path:
    """Where a path leads; `Path.resolve` raises where links lead in a circle."""
    return Path(os.path.realpath(path))


def _size(path: Path) -> int:
    """The size of a file; 0 of one that cannot be looked at, which reading it will report."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _from_path(relative: Path) -> dict[str, object]:
    """What the path of a note says about it: folder, name, and the date the name begins with.

    The date stays in the id: a column that has one name every month is not one note.
    """
    folder = relative.parent.as_posix()
    category = DEFAULT_CATEGORY if folder == "." else folder
    fields = {"category": category, "id": relative.stem}
    if dated := _DATED_NAME.fullmatch(relative.stem):
        fields["date"] = dated[1]
    return dict(fields)


def _lines(text: str, front: re.Match[str] | None, body: str) -> dict[str, int]:
    """The line that each field begins on; those that the path gives have none, and count as 1."""
    blank = len(body) - len(body.lstrip("\n"))
    lines = {"content": text.count("\n", 0, len(text) - len(body) + blank) + 1}
    for number, line in enumerate(front[2].split("\n") if front else (), 2):
        lines.setdefault(re.split("[:=]", line, maxsplit=1)[0].strip("\"' \t"), number)
    return lines


def _fields(
    front: re.Match[str] | None, text: str, name: str
) -> tuple[dict[str, object], list[Problem]]:
    """The front matter's fields that a document has and that are not empty, and its problems."""
    if front is None:
        what = "the front matter that its first line opens is never closed"
        return {}, [Problem(f"{name} line 1", what, _REMEDY)] if OPENING.match(text) else []
    if len(front[2]) > MAX_FRONT_MATTER:
        what = f"front matter has {len(front[2]):,} characters, more than {MAX_FRONT_MATTER:,}"
        return {}, [Problem(f"{name} line 1", what, "keep only what is about the note there")]
    fields = (_yaml if front[1] == "---" else _toml)(front[2], name)
    if isinstance(fields, Problem):
        return {}, [fields]
    return {key: fields[key] for key in FIELDS if fields.get(key) not in (None, "")}, []


def _toml(text: str, name: str) -> dict[str, object] | Problem:
    """The fields of TOML front matter."""
    try:
        return parse_toml("\n" + text)  # the fence is a line of the file, too
    except ValueError as error:
        return Problem(
            f"{name} line {line_in(error)}", f"front matter is not TOML: {error}", _REMEDY
        )


def line_in(error: Exception) -> int:
    """The line that a TOML error names only in its message."""
    found = re.search(r"at line ([0-9]+)", str(error))
    return int(found[1]) if found else 1


def _yaml(text: str, name: str) -> dict[str, object] | Problem:
    """The fields of YAML front matter, each as the text that stands there.

    Not as what YAML 1.1 makes of it: `id: 0042` would be 34 and `title: No` would be false.
    Of a field that is there twice the last counts: translators leave the first as it was.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        mark = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).split("\n", maxsplit=1)[0]
        where = f"{name} line {mark.line + 2 if mark else 1}"
        return Problem(where, f"front matter is not YAML: {what}", _REMEDY)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        return Problem(f"{name} line 2", "front matter is not a table of fields", _REMEDY)
    scalars = ((key, value) for key, value in root.value if isinstance(key, yaml.ScalarNode))
    return {key.value: _plain(value) for key, value in scalars}


def _plain(node: yaml.Node) -> object:
    """The text of a scalar, None for a null, and an empty list or table for a full one."""
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else node.value
    return [] if isinstance(node, yaml.SequenceNode) else {}


FORMAT = Format(
    read_notes, matches=Path.is_dir, files=note_files, description="a folder of .txt and .md notes"
)
