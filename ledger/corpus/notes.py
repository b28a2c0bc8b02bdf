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

# libyaml overflows the C stack, which kills the process, at about 20,000 levels of nesting.
MAX_FRONT_MATTER = 10_000

# Bytes that a file may have beyond the limit of its content: front matter and blank lines.
ROOM = 1_000_000

FRONT_MATTER = re.compile(r"(---|\+\+\+)[ \t]*\n(.*?)^\1[ \t]*(?:\n|\Z)", re.DOTALL | re.MULTILINE)
OPENING = re.compile(r"(---|\+\+\+)[ \t]*(?:\n|\Z)")
_DATED_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:-.+)?")
_REMEDY = "write it as `title: …` lines between two --- lines, or begin the file with an empty line"


def note_files(folder: Path) -> list[Path]:
    """List the notes below `folder`, sorted by relative path, except hidden files and folders.

    Raises:
        BadInputError: a folder cannot be listed.
    """
    found: list[Path] = []
    try:
        for parent, folders, names in os.walk(folder, onerror=_refuse):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(parent, name) for name in names if _is_note(name)]
    except OSError as error:
        problem = Problem(
            str(error.filename), f"cannot be listed: {error.strerror}", "make it readable"
        )
        raise BadInputError([problem]) from error
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def read_notes(folder: Path, settings: CorpusSettings) -> Iterator[RecordResult]:
    """Read the notes below `folder`, sorted by relative path."""
    for path in note_files(folder):
        yield _read_note(path, folder, settings)


def _refuse(error: OSError) -> None:
    """Raise the error: by default, os.walk silently skips folders that it cannot read."""
    raise error


def _is_note(name: str) -> bool:
    return not name.startswith(".") and name.lower().endswith(SUFFIXES)


def _read_note(path: Path, folder: Path, settings: CorpusSettings) -> RecordResult:
    """Read one note; fields in the front matter take precedence over those from the path."""
    relative = path.relative_to(folder)
    name = printable(relative.as_posix())
    data = _refusal(path, folder, name, settings) or read_bytes(path, name)
    if isinstance(data, Problem):
        raw = _from_path(relative)
        return RecordResult(name, f"{raw['category']}/{raw['id']}", problems=(data,))
    decoded, bad_bytes = decode_lines(data, name, most=1)
    text = unix_newlines(decoded)
    front = FRONT_MATTER.match(text)
    fields, bad_fields = _fields(front, text, name)
    body = text[front.end() :] if front else text
    raw = _from_path(relative) | fields | {"content": body.strip("\n")}
    record = read_record(raw, name, settings, _lines(text, front, body))
    return record.with_problems([*bad_bytes, *bad_fields])


def _refusal(path: Path, folder: Path, name: str, settings: CorpusSettings) -> Problem | None:
    """Return the reason not to open a note, or None.

    A folder from an untrusted source may contain a link to any file that this user can read,
    and whatever is read gets published.
    """
    if path.is_symlink() and not _real(path).is_relative_to(_real(folder)):
        return Problem(name, "is a link that leads out of the corpus", "put the file itself there")
    size, limit = _size(path), settings.max_document_bytes
    if size <= limit + ROOM:
        return None
    remedy = f"set [corpus] max_document_bytes = {size}, or remove the file"
    return Problem(name, f"has {size:,} bytes, more than the {limit:,} allowed", remedy)


def _real(path: Path) -> Path:
    """Resolve links in a path; unlike `Path.resolve`, this does not raise on link cycles."""
    return Path(os.path.realpath(path))


def _size(path: Path) -> int:
    """Return the size of a file in bytes; 0 if stat fails, since reading will report the cause."""
    try:
        return path.stat().st_size
    except OSError:
        return 0


def _from_path(relative: Path) -> dict[str, object]:
    """Derive category, id and date from the path of a note; the date may begin its name.

    The date stays in the id, since a monthly column may use the same name every month.
    """
    folder = relative.parent.as_posix()
    category = DEFAULT_CATEGORY if folder == "." else folder
    fields = {"category": category, "id": relative.stem}
    if dated := _DATED_NAME.fullmatch(relative.stem):
        fields["date"] = dated[1]
    return dict(fields)


def _lines(text: str, front: re.Match[str] | None, body: str) -> dict[str, int]:
    """Return the line on which each field begins; fields from the path have no entry."""
    blank = len(body) - len(body.lstrip("\n"))
    lines = {"content": text.count("\n", 0, len(text) - len(body) + blank) + 1}
    for number, line in enumerate(front[2].split("\n") if front else (), 2):
        lines.setdefault(re.split("[:=]", line, maxsplit=1)[0].strip("\"' \t"), number)
    return lines


def _fields(
    front: re.Match[str] | None, text: str, name: str
) -> tuple[dict[str, object], list[Problem]]:
    """Return the non-empty front matter fields in FIELDS, and the problems found."""
    if front is None:
        what = "the front matter that its first line opens is never closed"
        return {}, [Problem(f"{name} line 1", what, _REMEDY)] if OPENING.match(text) else []
    if len(front[2]) > MAX_FRONT_MATTER:
        what = f"front matter has {len(front[2]):,} characters, more than {MAX_FRONT_MATTER:,}"
        return {}, [Problem(f"{name} line 1", what, "keep only fields of the note there")]
    fields = (_yaml if front[1] == "---" else _toml)(front[2], name)
    if isinstance(fields, Problem):
        return {}, [fields]
    return {key: fields[key] for key in FIELDS if fields.get(key) not in (None, "")}, []


def _toml(text: str, name: str) -> dict[str, object] | Problem:
    """Parse TOML front matter."""
    try:
        return parse_toml("\n" + text)  # the newline stands for the fence, so line numbers fit
    except ValueError as error:
        return Problem(
            f"{name} line {line_in(error)}", f"front matter is not TOML: {error}", _REMEDY
        )


def line_in(error: Exception) -> int:
    """Return the line number in the message of a TOML error, which has no attribute for it."""
    found = re.search(r"at line ([0-9]+)", str(error))
    return int(found[1]) if found else 1


def _yaml(text: str, name: str) -> dict[str, object] | Problem:
    """Parse YAML front matter; each value is the literal text of its scalar.

    YAML 1.1 types are not applied: `id: 0042` would become 34 and `title: No` false. The last
    value of a repeated field wins: translators leave the original above their translation.
    """
    try:
        root = yaml.compose(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        position = getattr(error, "problem_mark", None)
        what = getattr(error, "problem", None) or str(error).split("\n", maxsplit=1)[0]
        where = f"{name} line {position.line + 2 if position else 1}"
        return Problem(where, f"front matter is not YAML: {what}", _REMEDY)
    if root is None:
        return {}
    if not isinstance(root, yaml.MappingNode):
        return Problem(f"{name} line 2", "front matter is not a table of fields", _REMEDY)
    scalars = ((key, value) for key, value in root.value if isinstance(key, yaml.ScalarNode))
    return {key.value: _plain(value) for key, value in scalars}


def _plain(node: yaml.Node) -> object:
    """Return the text of a scalar, None for a null, and an empty list or dict for a collection."""
    if isinstance(node, yaml.ScalarNode):
        return None if node.tag == "tag:yaml.org,2002:null" else node.value
    return [] if isinstance(node, yaml.SequenceNode) else {}


FORMAT = Format(
    read_notes, matches=Path.is_dir, files=note_files, description="a folder of .txt and .md notes"
)
