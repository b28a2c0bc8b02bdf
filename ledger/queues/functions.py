"""Name a Python function in a recipe, and find it again in another process."""

from __future__ import annotations

import importlib
import importlib.util
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import LedgerError
from ledger.queues.kinds.call import Function

if TYPE_CHECKING:
    from collections.abc import Callable

MAIN = "__ledger_main__"
"""The name under which a worker imports the script: not __main__, so that it does not run again."""


def recipe_for(function: Callable[..., Any]) -> Function:
    """The recipe by which another process finds a function.

    Raises:
        LedgerError: it cannot be found from its name: a lambda, or one inside another function.
    """
    name, module = function.__qualname__, function.__module__
    if "<" in name:
        raise LedgerError(
            f"{name} cannot be found by a worker process",
            remedy="define it at the top of a module, with a name",
        )
    if module != "__main__":
        return Function(module=module, name=name, file="")
    file = getattr(sys.modules["__main__"], "__file__", None)
    if file is None:
        raise LedgerError(
            f"{name} was typed into a prompt, where no worker process finds it",
            remedy="put it into a file and import it from there",
        )
    return Function(module=MAIN, file=str(Path(file).resolve()), name=name)


def refuse_unstorable(value: Any, what: str, remedy: str) -> None:
    """Refuse what is not JSON, NaN and infinity included.

    Raises:
        LedgerError: `value` is not JSON-able.
    """
    try:
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise LedgerError(f"{what} is not JSON: {error}", remedy=remedy) from None


def find_function(recipe: Function) -> Callable[[Any], Any]:
    """The function that a recipe names.

    Raises:
        LedgerError: it is no longer there.
    """
    try:
        found: Any = (
            _load_main(recipe.file) if recipe.file else importlib.import_module(recipe.module)
        )
        for part in recipe.name.split("."):
            found = getattr(found, part)
    except (ImportError, AttributeError, OSError) as error:
        raise LedgerError(
            f"the function {recipe.name} of {recipe.file or recipe.module} cannot be found: {error}",
            remedy="put it back, or make its module importable (PYTHONPATH)",
        ) from error
    return found  # type: ignore[no-any-return]


def _load_main(file: str) -> Any:
    if MAIN not in sys.modules:
        spec = importlib.util.spec_from_file_location(MAIN, file)
        if spec is None or spec.loader is None:
            raise ImportError(f"{file} is no Python file")
        module = importlib.util.module_from_spec(spec)
        sys.path.insert(0, str(Path(file).parent))  # as when it was run
        sys.modules[MAIN] = module
        spec.loader.exec_module(module)
    return sys.modules[MAIN]
