"""The most frequent words of a corpus, for its word cloud."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ledger.corpus.document import Document
    from ledger.project import WordSettings

SIZES = 9

# In a handful of documents every word is in a large share of them.
SHARE_COUNTS_FROM = 20

# Han, Hiragana and Katakana: scripts that put no spaces between words.
_UNSPACED = (
    r"\u3005\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
# Vowel signs and accents, which `\w` leaves out and which would cut Hindi words in pieces.
_MARKS = "".join(
    chr(point) for point in range(0x300, 0x2000) if unicodedata.category(chr(point))[0] == "M"
)
_LETTER = rf"[^\W{_UNSPACED}]"
_WORD = re.compile(rf"{_LETTER}+(?:[{_MARKS}]+{_LETTER}*|'{_LETTER}+)*")
_BIGRAM = re.compile(rf"(?=([{_UNSPACED}]{{2}}))")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the corpus, how often it stands there, and its size in the cloud, 1 to 9."""

    text: str
    count: int
    size: int


def vocabulary(documents: Sequence[Document], settings: WordSettings) -> list[Word]:
    """The `settings.count` most frequent words, sorted by text; ties go to the lower text.

    Where words are written without spaces, every two neighbouring characters count as one.
    """
    counts, spread = _count(documents)
    limit = settings.max_share * len(documents)
    if len(documents) < SHARE_COUNTS_FROM:
        limit = len(documents)
    stop = {word.casefold() for word in settings.stop_words}
    allowed = [
        (word, count)
        for word, count in counts.items()
        if count >= settings.min_count
        and spread[word] <= limit
        and word not in stop
        and _is_long_enough(word, settings.min_length)
        and not _has_number(word)
    ]
    chosen = sorted(allowed, key=lambda item: (-item[1], item[0]))[: settings.count]
    return sorted(_sized(chosen), key=lambda word: word.text)


def _count(documents: Sequence[Document]) -> tuple[Counter[str], Counter[str]]:
    """How often each word stands in the corpus, and in how many documents."""
    counts: Counter[str] = Counter()
    spread: Counter[str] = Counter()
    for document in documents:
        words = _words(document.text)
        counts.update(words)
        spread.update(set(words))
    return counts, spread


def _words(text: str) -> list[str]:
    """The words of a text in small letters, among them some with digits or underscores."""
    folded = unicodedata.normalize("NFC", text).casefold().replace("’", "'")
    words = _WORD.findall(folded)
    return words if folded.isascii() else words + _BIGRAM.findall(folded)


def _is_long_enough(word: str, least: int) -> bool:
    """Pairs of unspaced characters are as long as such words are."""
    return len(word) >= least or _BIGRAM.match(word) is not None


def _has_number(word: str) -> bool:
    """Whether there is a digit, a fraction, a Roman numeral or an underscore in it.

    Han characters for numbers are words: 一 is not 1.
    """
    if _BIGRAM.match(word):
        return False
    return any(character == "_" or character.isnumeric() for character in word)


def _sized(chosen: Sequence[tuple[str, int]]) -> Iterator[Word]:
    """The words with sizes on a logarithmic scale from the rarest, 1, to the commonest, 9.

    Where all are as frequent they are all of the middle size.
    """
    if not chosen:
        return
    low, high = math.log(chosen[-1][1]), math.log(chosen[0][1])
    for text, count in chosen:
        share = (math.log(count) - low) / (high - low) if high > low else 0.5
        yield Word(text, count, 1 + round((SIZES - 1) * share))
