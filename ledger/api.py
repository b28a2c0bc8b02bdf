"""Ledger as a library: `from ledger import Ledger, job`.

    from ledger import Ledger, job

    @job
    def count(path):
        return len(open(path).read().split())

    if __name__ == "__main__":
        with Ledger("work") as ledger:
            ledger.add(count, ["a.txt", "b.txt"])
            ledger.spawn(4)
            print({result.item: result.value for result in ledger.results(count)})

Items and results are JSON-able. A function runs in worker processes, which import its module
(or the script that was run, under another name: hence the usual `if __name__`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, Self, TypeVar, Unpack, overload

from ledger.errors import Exit, Failure, LedgerError
from ledger.fingerprint import fingerprint
from ledger.queues.add import make_queue, ready_project, store_jobs
from ledger.queues.functions import recipe_for, refuse_unstorable
from ledger.queues.inputs import require_names
from ledger.queues.limits import QueueLimits, SpawnLimits, parse_limits
from ledger.queues.recipes import key_of
from ledger.store import queues
from ledger.store.queues import Added, QueueJob
from ledger.store.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from ledger.jobs import State
    from ledger.store.rows import ResultRow

P = ParamSpec("P")
R = TypeVar("R")


class JobFailedError(LedgerError):
    """A job of a `map` or `spawn` failed; `failures` has the reports of all that did."""

    exit_code = Exit.FAILED

    def __init__(self, failures: list[Failure]) -> None:
        first = failures[0]
        super().__init__(
            f"{first.kind}/{first.key}: {first.what}", context=first.context, remedy=first.remedy
        )
        self.failures = tuple(failures)


class BudgetError(LedgerError):
    """A budget allows no more jobs."""

    exit_code = Exit.BUDGET


class StoppedError(LedgerError):
    """A run ended before everything was done: Ctrl+C, `ledger stop`, or jobs that others hold."""

    exit_code = Exit.LOCKED


class Function(Generic[P, R]):
    """A function marked by `@job`: it is called as before, and can be added to a ledger."""

    def __init__(
        self,
        function: Callable[P, R],
        *,
        name: str | None = None,
        retries: int = 0,
        version: str = "1",
        **limits: Unpack[QueueLimits],
    ) -> None:
        self.function = function
        self.name = require_names(name or function.__name__, "a name for a queue")
        self.retries, self.version = retries, version
        limits.setdefault("uncertain", "retry")
        self.limits = parse_limits(**limits)
        self.__name__, self.__doc__ = function.__name__, function.__doc__
        self.__qualname__, self.__module__ = function.__qualname__, function.__module__

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Call the function here and now."""
        return self.function(*args, **kwargs)


@overload
def job(function: Callable[P, R], /) -> Function[P, R]: ...
@overload
def job(
    *,
    name: str | None = None,
    retries: int = 0,
    version: str = "1",
    **limits: Unpack[QueueLimits],
) -> Callable[[Callable[P, R]], Function[P, R]]: ...
def job(function: Callable[P, R] | None = None, /, **options: Any) -> Any:
    """Mark a function of one JSON-able item as a job.

    Args:
        function: the function, when the decorator stands alone.
        **options: `name` of its queue (default: its own); `retries` after an exception (0);
            `version`, which you change when results of the old code are to be made again; and
            the limits of `ledger add`, as in `rate="300/min"`, `concurrency=2`, `budget="5"`,
            `cost="0.01"`, `after=("other",)`, or `uncertain="park"` for a call that is not
            repeated when its worker died during it.
    """
    if function is not None:
        return Function(function)
    return lambda found: Function(found, **options)


@dataclass(frozen=True, slots=True)
class Result:
    """The result of one item. `value` is what the function returned; None until it has."""

    item: Any
    state: State
    value: Any = None
    seconds: float | None = None
    attempts: int = 0


class Ledger:
    """A project folder whose ledger this process adds to, works on and reads.

    The project is made if there is none. Two processes may add at once; one at a time may spawn.
    """

    def __init__(self, folder: str | Path = ".") -> None:
        self.project = ready_project(Path(folder))
        self._store = Store(self.project.ledger_path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the ledger."""
        self._store.close()

    def add(
        self, function: Function[[Any], Any], items: Iterable[Any], *, priority: int = 0
    ) -> Added:
        """Add a job for each item; what is there already is not added again.

        Raises:
            LedgerError: an item is not JSON-able, or no worker can find the function.
        """
        recipe = recipe_for(function)
        identity = {"module": recipe.module, "name": recipe.name, "version": function.version}
        jobs = {each.key: each for each in (_job(item, identity) for item in items)}
        recipe.retries = function.retries
        queue = make_queue(
            self.project, function.name, "call", recipe, limits=function.limits, priority=priority
        )
        return store_jobs(self._store, queue, list(jobs.values()))

    def spawn(
        self,
        workers: int | None = None,
        *,
        only: Function[..., Any] | str | None = None,
        keep_going: bool = False,
        quiet: bool = True,
        **limits: Unpack[SpawnLimits],
    ) -> None:
        """Do what waits with that many worker processes (default: one a core), as `ledger spawn`.

        `limits` are those of `ledger spawn`, as in `budget="25.00"`.

        Raises:
            JobFailedError: jobs failed; the others that ran are done.
            BudgetError: the budget allows no more.
            StoppedError: it was asked to stop.
        """
        from ledger.coordinator.spawn import SpawnOptions, run
        from ledger.views.choose import make_view

        names = () if only is None else (only.name if isinstance(only, Function) else only,)
        options = SpawnOptions(
            workers=workers, keep_going=keep_going, only=names, limits=parse_limits(**limits)
        )
        code = run(self.project, options, make_view(quiet=quiet, as_json=False))
        if code == Exit.FAILED:
            raise JobFailedError(self._failures(names))
        if code == Exit.BUDGET:
            raise BudgetError("the budget allows no more jobs", remedy="spawn(budget=…) with more")
        if code != Exit.DONE:
            raise StoppedError("the run was stopped", remedy="spawn() continues from here")

    def results(self, function: Function[..., Any] | str) -> Iterator[Result]:
        """The results of the items of a queue, in the order in which they were added."""
        name = function.name if isinstance(function, Function) else function
        phase = queues.chosen_queues(self._store, [name])[0].phase
        for row in queues.results_of(self._store, phase):
            value = _value(row)
            item = json.loads(row.payload).get("item")
            yield Result(item, row.state, value, row.seconds, row.attempts)

    def map(
        self, function: Function[[Any], R], items: Iterable[Any], *, workers: int = 1
    ) -> list[R]:
        """`[function(item) for item in items]`, each item done only once, also over several calls, in worker processes.

        With one worker strictly one after the other, in order, up to the first that fails. With
        more, a failure stops new starts, and the running ones are waited for before it raises.

        Raises:
            JobFailedError: one failed.
        """
        wanted = list(items)
        self.add(function, wanted)
        names = [_key(item) for item in wanted]
        self._put_back_failed(function, set(names))
        self.spawn(workers, only=function)
        phase = queues.chosen_queues(self._store, [function.name])[0].phase
        rows = queues.results_of(self._store, phase)
        found = {row.key.partition("/")[2]: row for row in rows}
        return [_value(found[name]) for name in names]

    def _put_back_failed(self, function: Function[..., Any], keys: set[str]) -> None:
        """Put failed jobs back to pending: calling `map` again asks for another attempt."""
        phase = queues.chosen_queues(self._store, [function.name])[0].phase
        for row in queues.jobs_of(self._store, phase):
            if row.state == "failed" and row.key.partition("/")[2] in keys:
                self._store.retry(failed_only=True, key=row.key, phase=phase)

    def _failures(self, names: tuple[str, ...]) -> list[Failure]:
        failures = self._store.failures()
        chosen = [each for each in failures if not names or each.kind == names[0]]
        return chosen or failures


def _job(item: Any, identity: dict[str, str]) -> QueueJob:
    return QueueJob(
        key=_key(item), fingerprint=fingerprint("call", identity, item), record={"item": item}
    )


def _value(row: ResultRow) -> Any:
    """What a function returned; None is not stored."""
    return json.loads(row.value) if row.value is not None else None


def _key(item: Any) -> str:
    refuse_unstorable(item, f"{item!r:.80}", "use numbers, texts, lists and dicts as items")
    return key_of({"item": item}, "")
