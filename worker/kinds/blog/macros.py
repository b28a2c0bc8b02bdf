"""Macros in posts: Jinja2 in its sandbox, and the project's own functions in `macros/*.py`.

What a function returns is HTML of the project's own: it stands in the page as it is, whatever
the setting for raw HTML in posts. Everything else that a macro leaves is Markdown.
"""

from __future__ import annotations

import functools
import importlib.util
import inspect
import re
import signal
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from jinja2 import StrictUndefined, TemplateSyntaxError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ledger.errors import JobError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from types import FrameType

TEMPLATE = "<post>"
# no text can have it: readers replace control characters
_MARK = re.compile("\x02([0-9]+)\x03")
_ALONE = re.compile("<p>\x02([0-9]+)\x03</p>")


class OutOfTimeError(BaseException):
    """A macro took too long. Not an Exception, so that no macro can catch it by accident."""


class Macros:
    """The macros of a project."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._seconds = seconds
        self._made: list[str] = []
        self._environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
        )
        for name, function in _functions(folder):
            self._environment.globals[name] = self._kept(
                functools.lru_cache(4096)(function), function
            )

    def _kept(self, cached: Callable[..., Any], plain: Callable[..., Any]) -> Callable[..., str]:
        """A function as posts call it: once for the same arguments, its result kept for the end."""

        @functools.wraps(plain)
        def call(*values: Any, **named: Any) -> str:
            try:
                hash((values, tuple(named.items())))
            except TypeError:  # a list or a table cannot be looked up
                result = plain(*values, **named)
            else:
                result = cached(*values, **named)
            self._made.append(str(result))
            return f"\x02{len(self._made) - 1}\x03"

        return call

    def expand(self, text: str, source: str, first_line: int, values: dict[str, Any]) -> str:
        """The Markdown of a post with its macros run; their results are put in by `insert`.

        Raises:
            JobError: one raised, took too long, or is not there; with file and line.
        """
        self._made = []
        try:
            with _time_limit(self._seconds):
                return self._environment.from_string(text).render(values)
        except OutOfTimeError as error:
            line = _line(error)
            what = f"a macro took more than {self._seconds:g} seconds"
            cause: BaseException = error
        except TemplateSyntaxError as error:
            line, what, cause = error.lineno, str(error.message), error
        except Exception as error:  # noqa: BLE001  whatever a macro raises is that page's failure
            line, what, cause = _line(error), f"{type(error).__name__}: {error}", error
        where = f"{source} line {first_line + line - 1}"
        raise JobError(
            f"{where}: {what}",
            context="macros are on for this post",
            remedy="mend the macro or its call, or take `macros` out of the front matter",
        ) from cause

    def insert(self, made: str) -> str:
        """Put the results of functions into the HTML that was made of the rest."""
        made = _ALONE.sub(self._result, made)
        return _MARK.sub(self._result, made)

    def _result(self, found: re.Match[str]) -> str:
        return self._made[int(found[1])]


def _functions(folder: Path) -> Iterator[tuple[str, Callable[..., Any]]]:
    """The public functions of all files in the folder.

    Raises:
        JobError: a file cannot be imported, or two have a function of one name.
    """
    seen: dict[str, str] = {}
    for path in sorted(folder.glob("*.py")):
        spec = importlib.util.spec_from_file_location(f"ledger_macros_{path.stem}", path)
        if spec is None or spec.loader is None:
            continue
        module = importlib.util.module_from_spec(spec)
        try:
            spec.loader.exec_module(module)
        except Exception as error:
            raise JobError(
                f"macros/{path.name} cannot be imported: {type(error).__name__}: {error}",
                context="".join(traceback.format_exception(error, limit=-1)).strip(),
                remedy="mend the file",
            ) from error
        for name, function in inspect.getmembers(module, inspect.isfunction):
            if name.startswith("_") or function.__module__ != module.__name__:
                continue
            if name in seen:
                raise JobError(
                    f"macros/{path.name} and macros/{seen[name]} both have a function {name}",
                    remedy="rename one of the two",
                )
            seen[name] = path.name
            yield name, function


def _line(error: BaseException) -> int:
    """The line of the post in which an error began."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename in (TEMPLATE, "<template>")]
    return (lines or [1])[-1] or 1


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTimeError in the body after so long. A worker does its jobs in the main thread."""
    if sys.platform == "win32":  # no alarms there
        yield
        return

    def ring(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
