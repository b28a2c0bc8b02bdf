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
_ASCII_WORD = re.compile(r"\w+(?:'\w+)*", re.ASCII)  # the same in ASCII, twice as fast
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
    counts = _count(documents)
    barred = {word.casefold() for word in settings.stop_words}
    if len(documents) >= SHARE_COUNTS_FROM:
        barred |= _widespread(documents, counts, settings.max_share * len(documents))
    frequent = [item for item in counts.items() if item[1] >= settings.min_count]
    frequent.sort(key=lambda item: (-item[1], item[0]))
    fit = (item for item in frequent if item[0] not in barred and _fits(item[0], settings))
    return sorted(_sized(list(islice(fit, settings.count))), key=lambda word: word.text)


def _count(documents: Sequence[Document]) -> Counter[str]:
    """How often each word stands in the corpus."""
    counts: Counter[str] = Counter()
    for document in documents:
        counts.update(_words(document.text))
    return counts


def _widespread(documents: Sequence[Document], counts: Mapping[str, int], limit: float) -> set[str]:
    """The words that are in more than `limit` documents.

    Only a word that stands there more often than that can be one: a handful, or none. Going
    through the texts again for those is faster than counting documents for every word.
    """
    frequent = {word for word, count in counts.items() if count > limit}
    spread: Counter[str] = Counter()
    for document in documents if frequent else ():
        spread.update(frequent.intersection(_words(document.text)))
    return {word for word, number in spread.items() if number > limit}


def _words(text: str) -> list[str]:
    """The words of a text in small letters, among them some with digits or underscores."""
    folded = text.casefold()
    if folded.isascii():
        return _ASCII_WORD.findall(folded)
    folded = unicodedata.normalize("NFC", folded).replace("’", "'")
    return _WORD.findall(folded) + _BIGRAM.findall(folded)


def _fits(word: str, settings: WordSettings) -> bool:
    """Whether it is long enough, without digits, fractions, Roman numerals and underscores.

    Pairs of unspaced characters are as long as such words are, and 一 in them is not 1.
    """
    if _BIGRAM.match(word):
        return True
    plain = not any(character == "_" or character.isnumeric() for character in word)
    return plain and len(word) >= settings.min_length


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
