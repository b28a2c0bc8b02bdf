"""Macros in posts: sandboxed Jinja2, and the project's own functions in `macros/*.py`.

The result of a function is trusted HTML: it enters the page unchanged, whatever the setting for
raw HTML in posts. All other output of a macro is Markdown.
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
# Function results pass through Markdown as placeholders. No post can contain one, since readers
# replace control characters.
_PLACEHOLDER = re.compile("\x02([0-9]+)\x03")
_PARAGRAPH = re.compile("<p>\x02([0-9]+)\x03</p>")


class OutOfTimeError(BaseException):
    """A macro exceeded its time limit. Not an Exception, so that macros do not catch it by accident."""


class Macros:
    """The macros of a project, with a time limit in `seconds` for each post."""

    def __init__(self, folder: Path, seconds: float) -> None:
        self._seconds = seconds
        self._results: list[str] = []
        self._environment = ImmutableSandboxedEnvironment(
            undefined=StrictUndefined, keep_trailing_newline=True, autoescape=False
        )
        for name, function in _functions(folder):
            self._environment.globals[name] = self._as_macro(
                functools.lru_cache(4096)(function), function
            )

    def _as_macro(
        self, cached: Callable[..., Any], plain: Callable[..., Any]
    ) -> Callable[..., str]:
        """Wrap a function for posts: it runs once per arguments, and returns a placeholder."""

        @functools.wraps(plain)
        def call(*values: Any, **named: Any) -> str:
            try:
                hash((values, tuple(named.items())))
            except TypeError:  # lists and dicts are not hashable, so their results are not cached
                result = plain(*values, **named)
            else:
                result = cached(*values, **named)
            self._results.append(str(result))
            return f"\x02{len(self._results) - 1}\x03"

        return call

    def expand(self, text: str, source: str, first_line: int, values: dict[str, Any]) -> str:
        """Run the macros in the Markdown of a post; `insert` puts in the results of functions.

        Raises:
            JobError: a macro raised, exceeded the time limit or does not exist; with file and line.
        """
        self._results = []
        try:
            with _time_limit(self._seconds):
                return self._environment.from_string(text).render(values)
        except OutOfTimeError as error:
            line = _line(error)
            what = f"a macro took more than {self._seconds:g} seconds"
            cause: BaseException = error
        except TemplateSyntaxError as error:
            line, what, cause = error.lineno, str(error.message), error
        except Exception as error:  # noqa: BLE001  any error in a macro fails only its page
            line, what, cause = _line(error), f"{type(error).__name__}: {error}", error
        where = f"{source} line {first_line + line - 1}"
        raise JobError(
            f"{where}: {what}",
            context="macros are on for this post",
            remedy="fix the macro or its call, or remove `macros` from the front matter",
        ) from cause

    def insert(self, html: str) -> str:
        """Replace the placeholders in rendered HTML by the results of functions."""
        html = _PARAGRAPH.sub(self._result, html)  # a result may be a block: no <p> around it
        return _PLACEHOLDER.sub(self._result, html)

    def _result(self, found: re.Match[str]) -> str:
        return self._results[int(found[1])]


def _functions(folder: Path) -> Iterator[tuple[str, Callable[..., Any]]]:
    """Yield (name, function) for the public functions of all files in the folder.

    Raises:
        JobError: a file cannot be imported, or two files define a function of the same name.
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
                remedy="fix the file",
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
    """Return the line of the post in which an error was raised."""
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if frame.filename in (TEMPLATE, "<template>")]
    return (lines or [1])[-1] or 1


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raise OutOfTimeError in the body after `seconds`.

    Signals reach only the main thread, in which a worker runs its jobs.
    """
    if sys.platform == "win32":  # has no SIGALRM
        yield
        return

    def on_alarm(_number: int, _frame: FrameType | None) -> None:
        raise OutOfTimeError

    before = signal.signal(signal.SIGALRM, on_alarm)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
