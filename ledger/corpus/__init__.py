"""The corpus: one reader a format, every problem of the whole corpus reported at once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ledger.corpus.formats import format_of, known_formats
from ledger.errors import BadInputError, Problem

# Readers are imported when one is needed: a worker, which wants no more than `Document`, must
# not pay for yaml.
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from ledger.corpus.document import Document
    from ledger.corpus.records import RecordResult
    from ledger.corpus.settings import CorpusSettings


def read_corpus(path: Path, settings: CorpusSettings) -> list[Document]:
    """The documents of the file or folder `path`, in its order, without the excluded ones.

    Exclusions apply before problems are reported, so that excluding a document also silences
    its problems.

    Raises:
        BadInputError: with every problem of the whole corpus.
    """
    records = list(_records(path, settings))
    excluded = set(settings.exclude) - {""}  # "" stands for an identity that could not be read
    kept = [record for record in records if record.identity not in excluded]
    problems = [problem for record in kept for problem in record.problems]
    problems += _duplicates(kept)
    problems += _unmatched(records, settings.exclude)
    documents = [record.document for record in kept if record.document]
    if not documents and not problems:
        remedy = f"put some there: {known_formats()}"
        problems = [Problem(_shown(path), "holds no documents", remedy)]
    if problems:
        raise BadInputError(_first(problems, path))
    return documents


def corpus_files(path: Path) -> list[Path]:
    """The files that make up the corpus, in its order; none when `path` does not exist.

    Raises:
        BadInputError: a folder in it cannot be listed, or `path` cannot be looked at.
    """
    if not _exists(path):
        return []
    kind = format_of(path)
    return kind.files(path) if kind and kind.files else [path]


def _exists(path: Path) -> bool:
    """Whether there is anything at `path`; raises where that cannot be found out."""
    try:
        return path.exists()
    except OSError as error:
        problem = Problem(
            _shown(path), f"cannot be looked at: {error.strerror}", "fix [corpus] path"
        )
        raise BadInputError([problem]) from error


def _shown(path: Path) -> str:
    """A path as it can be printed."""
    from ledger.corpus.files import printable

    return printable(str(path))


def _first(problems: list[Problem], path: Path) -> list[Problem]:
    """As many problems as a person reads, and how many more there are."""
    from ledger.corpus.files import MAX_PROBLEMS

    more = len(problems) - MAX_PROBLEMS
    if more <= 0:
        return problems
    what = f"has {more:,} more problem{'s' if more > 1 else ''}"
    return [*problems[:MAX_PROBLEMS], Problem(_shown(path), what, "fix these first")]


def _records(path: Path, settings: CorpusSettings) -> Iterable[RecordResult]:
    """Read `path` with the reader for its format."""
    if not _exists(path):
        remedy = f"point [corpus] path in ledger.toml at {known_formats()}"
        raise BadInputError([Problem(_shown(path), "does not exist", remedy)])
    kind = format_of(path)
    if kind is None:
        remedy = f"make it {known_formats()}"
        raise BadInputError([Problem(_shown(path), "is in no format known here", remedy)])
    return kind.read(path, settings)


def _duplicates(records: Iterable[RecordResult]) -> list[Problem]:
    """One problem for every record whose identity an earlier record has."""
    from ledger.corpus.files import printable

    first: dict[str, str] = {}
    problems = []
    for record in records:
        if not record.identity:
            continue
        earlier = first.setdefault(record.identity, record.where)
        if earlier != record.where:
            what = f"{printable(record.identity)} is also the identity of {earlier}"
            remedy = "give one of the two another id (in a note: `id: …` in its front matter)"
            problems.append(Problem(record.where, what, remedy))
    return problems


def _unmatched(records: Iterable[RecordResult], exclude: Sequence[str]) -> list[Problem]:
    """One problem for every exclude that no record has as its identity."""
    known = {record.identity for record in records} - {""}
    example = next((record.identity for record in records if record.identity), "wisdom/42")
    remedy = f"take it out, or write it as category/id, such as {example!r}"
    return [
        Problem("ledger.toml corpus.exclude", f"{identity!r} matches no document", remedy)
        for identity in exclude
        if identity not in known
    ]
