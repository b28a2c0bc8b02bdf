"""The settings of a corpus, `[corpus]`, and of the words counted in it, `[words]`."""

from __future__ import annotations

from dataclasses import dataclass

# Words too common to tell one English text from another. Other languages: `max_share`
# drops what stands in too many documents, and `stop_words` adds a list of one's own.
STOP_WORDS = tuple(
    """a about above after again against all also am an and any are as at be because been before
    being below between both but by can could did do does doing down during each even every few for
    from further had has have having he her here hers herself him himself his how i if in into is it
    its itself just like made make many may me might more most much must my myself no nor not now of
    off on once one only or other our ours ourselves out over own same shall she should so some
    still such than that the their theirs them themselves then there these they this those through
    thus to too under until unto up upon us very was we were what when where which while who whom
    whose why will with without would yet you your yours yourself""".split()
)


@dataclass(frozen=True)
class CorpusSettings:
    """`[corpus]`: where the documents are, and which of them to leave out."""

    path: str = "poems.json"
    exclude: tuple[str, ...] = ()
    max_document_bytes: int = 1_000_000


@dataclass(frozen=True)
class WordSettings:
    """`[words]`: which words are in the cloud. `max_share` drops words in more of the corpus."""

    count: int = 150
    min_length: int = 4
    min_count: int = 2
    max_share: float = 0.25
    stop_words: tuple[str, ...] = STOP_WORDS
