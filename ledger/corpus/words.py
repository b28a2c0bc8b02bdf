"""The most frequent words of a corpus, for its word cloud."""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ledger.corpus.document import Document
    from ledger.corpus.settings import WordSettings

SIZES = 9

# In a small corpus every word occurs in a large share of the documents.
SHARE_COUNTS_FROM = 20

# Han, Hiragana and Katakana: scripts without spaces between words.
_UNSPACED = (
    r"\u3005\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    r"\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\uff66-\uff9f\U00020000-\U000323af"
)
# Vowel signs and accents: `\w` does not match them, so Hindi words would be cut at each one.
_COMBINING = "".join(
    chr(point) for point in range(0x300, 0x2000) if unicodedata.category(chr(point))[0] == "M"
)
_LETTER = rf"[^\W{_UNSPACED}]"
_WORD = re.compile(rf"{_LETTER}+(?:[{_COMBINING}]+{_LETTER}*|'{_LETTER}+)*")
_ASCII_WORD = re.compile(r"\w+(?:'\w+)*", re.ASCII)  # equivalent for ASCII text, twice as fast
_BIGRAM = re.compile(rf"(?=([{_UNSPACED}]{{2}}))")


@dataclass(frozen=True, slots=True)
class Word:
    """A word of the corpus, its number of occurrences, and its size in the cloud, 1 to 9."""

    text: str
    count: int
    size: int


def vocabulary(documents: Sequence[Document], settings: WordSettings) -> list[Word]:
    """Return the `settings.count` most frequent words, sorted by text; ties go to the lower text.

    In scripts without spaces, every two adjacent characters count as a word.
    """
    counts = _count(documents)
    barred = {word.casefold() for word in settings.stop_words}
    if len(documents) >= SHARE_COUNTS_FROM:
        barred |= _widespread(documents, counts, settings.max_share * len(documents))
    frequent = [item for item in counts.items() if item[1] >= settings.min_count]
    frequent.sort(key=lambda item: (-item[1], item[0]))
    fit = (item for item in frequent if item[0] not in barred and _fits(item[0], settings))
    return sorted(_sized(list(islice(fit, settings.count))), key=lambda word: word.text)


def _count(documents: Sequence[Document]) -> Counter[str]:
    """Count the occurrences of each word in the corpus."""
    counts: Counter[str] = Counter()
    for document in documents:
        counts.update(_words(document.text))
    return counts


def _widespread(documents: Sequence[Document], counts: Mapping[str, int], limit: float) -> set[str]:
    """Return the words that are in more than `limit` documents.

    Only words with more than `limit` occurrences qualify, usually a handful. A second pass over
    the texts for those is faster than counting documents for every word.
    """
    frequent = {word for word, count in counts.items() if count > limit}
    spread: Counter[str] = Counter()
    for document in documents if frequent else ():
        spread.update(frequent.intersection(_words(document.text)))
    return {word for word, number in spread.items() if number > limit}


def _words(text: str) -> list[str]:
    """Return the words of a text in lower case; some may contain digits or underscores."""
    folded = text.casefold()
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    folded = unicodedata.normalize("NFC", folded).replace("’", "'")
    return _WORD.findall(folded) + _BIGRAM.findall(folded)


def _fits(word: str, settings: WordSettings) -> bool:
    """Whether a word is long enough and has no digit, fraction, Roman numeral or underscore.

    Character pairs of unspaced scripts always qualify: many words there have two characters,
    and 一 ("one") is part of words although Unicode calls it numeric.
    """
    if _BIGRAM.match(word):
        return True
    plain = not any(character == "_" or character.isnumeric() for character in word)
    return plain and len(word) >= settings.min_length


def _sized(chosen: Sequence[tuple[str, int]]) -> Iterator[Word]:
    """Assign sizes on a logarithmic scale, from 1 for the rarest to 9 for the most common.

    If all words are equally frequent, all get the middle size.
    """
    if not chosen:
        return
    low, high = math.log(chosen[-1][1]), math.log(chosen[0][1])
    for text, count in chosen:
        share = (math.log(count) - low) / (high - low) if high > low else 0.5
        yield Word(text, count, 1 + round((SIZES - 1) * share))
