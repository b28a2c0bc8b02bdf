"""Queue kinds: what one consists of, and how it is found by its name.

A queue kind is a class of recipes (what `ledger add KIND` takes, and how an item becomes a job) and
a function `run` (do one job). A package of its own has both in one module, which it names in the
entry-point group `ledger.queue_kinds`; docs/queue-kinds.md starts from an example. The kinds that
come with Ledger have their recipes here and `run` in `worker/kinds/queue/`, and are found without
searching what is installed.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Protocol, cast

from ledger.errors import BadInputError, LedgerError
from ledger.process.registry import Registry
from ledger.queues.recipes import Recipe

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.jobs import Job, MadeFile

SHIPPED = ("command", "llm", "http", "call")
QUEUE_KINDS = Registry(
    "ledger.queue_kinds", "queue kind", {name: f"{__name__}.{name}" for name in SHIPPED}
)
# Jobs are found by the name of their kind, so queue kinds and page kinds share their names.
PAGE_KINDS = Registry("ledger.kinds", "job kind", {})


class QueueKind(Protocol):
    """The module of a queue kind.

    It may also have `prepare(context)`, called once in each worker before the first job of the
    kind: what takes long there is not part of a job that has its turn in a rate.
    """

    recipe: type[Recipe]

    def run(self, job: Job, context: Any) -> Iterable[MadeFile]:
        """Do one job: the file that it makes, if any. `context` is a `worker.context.Context`."""
        ...


def kind_names() -> list[str]:
    """The kinds that `ledger add` knows, those of other packages last."""
    shipped = [name for name in SHIPPED if recipe_type(name).is_added_by_hand]
    return [*shipped, *QUEUE_KINDS.added()]


@cache
def recipe_type(kind: str) -> type[Recipe]:
    """The class of the recipes of that kind.

    Raises:
        LedgerError: the kind is not installed, or cannot be used.
    """
    if kind in SHIPPED:  # whose `run` is elsewhere
        return cast("QueueKind", QUEUE_KINDS.load(kind)).recipe
    return _checked(kind).recipe


def recipe_of(kind: str, values: dict[str, Any]) -> Recipe:
    """The recipe of a queue of that kind, from what the ledger keeps of it.

    Raises:
        LedgerError: the kind is not installed, or cannot be used.
    """
    return recipe_type(kind).from_dict(values)


def module_of(kind: str) -> str:
    """The name of the module whose `run` does the jobs of that kind.

    Raises:
        LedgerError: the kind is not installed, or cannot be used.
    """
    if kind in SHIPPED:
        return f"worker.kinds.queue.{kind}"
    _checked(kind)
    return QUEUE_KINDS.module_of(kind)


def kinds_with_option(flag: str) -> list[str]:
    """The kinds that have an option of that name; a kind that cannot be loaded has none."""
    found = []
    for kind in kind_names():
        try:
            options = recipe_type(kind).options()
        except LedgerError:
            continue
        if any(flag in option.opts for option in options):
            found.append(kind)
    return found


def _checked(kind: str) -> QueueKind:
    """Import a kind, and check that it is whole.

    Raises:
        LedgerError: it is not installed, cannot be imported, or lacks something.
    """
    module = QUEUE_KINDS.load(kind)
    if fault := _fault(kind, module):
        remedy = "fix or uninstall that package; docs/queue-kinds.md shows a kind that works"
        raise BadInputError([QUEUE_KINDS.problem(kind, fault, remedy)])
    return cast("QueueKind", module)


def _fault(kind: str, module: Any) -> str:
    """Why a module cannot be a queue kind; "" if it can."""
    recipe = getattr(module, "recipe", None)
    if not (isinstance(recipe, type) and issubclass(recipe, Recipe)):
        return "it has no `recipe`, a subclass of ledger.queues.recipes.Recipe"
    if not callable(getattr(module, "run", None)):
        return "it has no function `run(job, context)`"
    if PAGE_KINDS.knows(kind):
        return "a page kind has that name too"
    return ""
