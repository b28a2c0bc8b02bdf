"""What the pages of each language need: its tag, its direction, its months, its words. By babel."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from ledger.corpus.tables import parse_toml
from ledger.files import resource

if TYPE_CHECKING:
    from babel import Locale

    from ledger.project.settings import Settings


@dataclass(frozen=True, slots=True)
class Language:
    """One language of a site; `code` as it was declared, `tag` as HTML wants it.

    `date` is a %-format of the fields d, M, MMMM, y and so on; `months` are the names of MMMM.
    """

    code: str
    tag: str
    name: str
    direction: str
    prefix: str
    title: str
    date: str
    months: list[str]
    month_titles: list[str]
    words: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For the facts of the plan."""
        return asdict(self)


def site_languages(settings: Settings) -> dict[str, Language]:
    """The languages of a site by their codes, its own first."""
    codes = dict.fromkeys([settings.site.language, *settings.blog.languages])
    return {code: _language(code, settings) for code in codes}


def spellings(settings: Settings) -> dict[str, str]:
    """The code of a language by all the ways, in small letters, to write it."""
    codes = [settings.site.language, *settings.blog.languages]
    return {code.lower().replace("_", "-"): code for code in reversed(codes)}


def is_known(code: str) -> bool:
    """Whether there is such a language."""
    from babel import UnknownLocaleError

    try:
        _locale(code)
    except (UnknownLocaleError, ValueError, TypeError):
        return False
    return True


def _locale(code: str) -> Locale:
    """What babel knows of a language, however its code is written: pt-br, zh_Hant_TW."""
    from babel import Locale

    language, *more = code.replace("-", "_").split("_")
    parts = [part.title() if len(part) == 4 else part.upper() for part in more]
    return Locale.parse("_".join([language.lower(), *parts]))


def _language(code: str, settings: Settings) -> Language:
    locale = _locale(code)
    own = code == settings.site.language
    words = _shipped_words()
    names = locale.months["format"]["wide"]
    titles = locale.months["stand-alone"]["wide"]
    name = str(locale.get_display_name(locale) or code)
    return Language(
        code=code,
        tag="-".join(filter(None, (locale.language, locale.script, locale.territory))),
        name=name[:1].upper() + name[1:],
        direction="rtl" if locale.text_direction == "rtl" else "ltr",
        prefix="" if own else f"/{code}",
        title=settings.titles.get(code, settings.site.title),
        date=locale.date_formats["long"].format,
        months=[str(names[number]) for number in range(1, 13)],
        month_titles=[str(titles[number]) for number in range(1, 13)],
        words=words["en"] | words.get(locale.language, {}) | words.get(code.replace("_", "-"), {}),
    )


@cache
def _shipped_words() -> dict[str, dict[str, str]]:
    """What the templates say, by language."""
    return parse_toml((resource("templates") / "blog" / "words.toml").read_text("utf-8"))


def written(date: str, language: dict[str, Any]) -> str:
    """A day such as 2024-05-31 as that language writes it."""
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:10])
    name = language["months"][month - 1]
    return str(language["date"]) % {
        "d": day, "dd": f"{day:02}", "M": month, "MM": f"{month:02}", "MMM": name, "MMMM": name,
        "LLLL": language["month_titles"][month - 1], "y": year, "yyyy": year, "yy": year % 100,
        "G": "", "EEEE": "",
    }  # fmt: skip
