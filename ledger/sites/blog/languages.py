"""Languages of a site, from babel: tag, direction, names of months, and words of the templates."""

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
    """One language of a site: `code` as in the settings, `tag` as in HTML's `lang`.

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
        """Return the fields as a dict, for the facts of the plan."""
        return asdict(self)


def site_languages(settings: Settings) -> dict[str, Language]:
    """Return the languages of a site by code, the site's own first."""
    codes = dict.fromkeys([settings.site.language, *settings.blog.languages])
    return {code: _language(code, settings) for code in codes}


def spellings(settings: Settings) -> dict[str, str]:
    """Map lower-case spellings of language codes, with dashes, to the codes in the settings."""
    codes = [settings.site.language, *settings.blog.languages]
    return {code.lower().replace("_", "-"): code for code in reversed(codes)}


def is_known(code: str) -> bool:
    """Whether babel knows the language."""
    from babel import UnknownLocaleError

    try:
        _locale(code)
    except (UnknownLocaleError, ValueError, TypeError):
        return False
    return True


def _locale(code: str) -> Locale:
    """Return babel's locale for a code in any spelling, such as pt-br or zh_Hant_TW."""
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
    """Return the words used in the shipped templates, by language."""
    return parse_toml((resource("templates") / "blog" / "words.toml").read_text("utf-8"))


def written(date: str, language: dict[str, Any]) -> str:
    """Format a day such as 2024-05-31 in the style of the language."""
    year, month, day = int(date[:4]), int(date[5:7]), int(date[8:10])
    name = language["months"][month - 1]
    return str(language["date"]) % {
        "d": day, "dd": f"{day:02}", "M": month, "MM": f"{month:02}", "MMM": name, "MMMM": name,
        "LLLL": language["month_titles"][month - 1], "y": year, "yyyy": year, "yy": year % 100,
        "G": "", "EEEE": "",
    }  # fmt: skip
