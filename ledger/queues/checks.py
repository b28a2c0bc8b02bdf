"""Check queues before a run: prices, keys, programs, permissions."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import JobError, LedgerError, Problem
from ledger.project.load import SETTINGS_FILE
from ledger.queues.amounts import price_a_token
from ledger.queues.kinds import recipe_of
from ledger.store import queues
from ledger.store.limits import has_budget

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ledger.project.load import Project
    from ledger.queues.recipes import Recipe
    from ledger.store.rows import QueueRow
    from ledger.store.store import Store


def set_spawn_limits(store: Store, names: Iterable[str], limits: dict[str, Any]) -> None:
    """Give the chosen queues the limits that `ledger spawn` names.

    Raises:
        LedgerError: a limit is named, and not for which of several queues.
    """
    chosen = queues.chosen_queues(store, names)
    if limits and not chosen:
        raise LedgerError(
            "there is no queue to limit", remedy="add one: ledger add --name NAME -- COMMAND"
        )
    if limits and len(chosen) > 1 and not list(names):
        raise LedgerError(
            f"there are {len(chosen)} queues, and a limit is for one",
            remedy=f"say which: --only {chosen[0].name}",
        )
    with store.immediate():
        for queue in chosen:
            queues.set_limits(store, queue.phase, limits)
        queues.clear_exhausted(store)


def prices_of(project: Project, model: str) -> dict[str, int | None]:
    """The prices of a token of that model, by `[prices]`."""
    prices = project.settings.prices.get(model)
    if prices is None:
        return {"price_in": None, "price_out": None}
    return {
        "price_in": price_a_token(prices.get("input", 0.0)),
        "price_out": price_a_token(prices.get("output", 0.0)),
    }


def refresh_prices(project: Project, store: Store) -> None:
    """Give queues whose jobs are priced by tokens the prices that ledger.toml has now."""
    for queue in queues.all_queues(store):
        try:
            model = _recipe(queue).priced_model()
        except LedgerError:  # its kind is not installed, which `preflight` reports
            continue
        prices = prices_of(project, model)
        if model and prices != {"price_in": queue.price_in, "price_out": queue.price_out}:
            with store.immediate():
                queues.set_limits(store, queue.phase, prices)


def preflight(project: Project, store: Store, phases: Iterable[int] | None = None) -> list[Problem]:
    """What keeps the jobs that wait in these queues (None: in all) from being done."""
    waiting = {count.phase for count in store.counts() if count.pending or count.deselected}
    wanted = waiting if phases is None else waiting & set(phases)
    return [
        problem
        for queue in queues.all_queues(store)
        if queue.phase in wanted
        for problem in _problems_of(project, queue)
    ]


def _problems_of(project: Project, queue: QueueRow) -> list[Problem]:
    where = f"queue {queue.name}"
    try:
        recipe = _recipe(queue)
    except LedgerError as error:
        return [Problem(where, error.what, error.remedy)]
    problems = [*_of_money(queue, recipe.priced_model()), *recipe.preflight(project.root)]
    variable, file = recipe.key_source()
    if variable or file:
        try:
            read_key(variable, file)
        except JobError as error:
            problems.append(Problem(where, error.what, error.remedy))
    return problems


def _recipe(queue: QueueRow) -> Recipe:
    return recipe_of(queue.kind, json.loads(queue.recipe))


def _of_money(queue: QueueRow, model: str) -> list[Problem]:
    """A ceiling in money cannot be kept if the price is not known."""
    where = f"queue {queue.name}"
    if queue.money_ceiling is None:
        return []
    if model and queue.price_in is None:
        return [
            Problem(
                where, f"has a budget, and no price for {model!r} is known",
                f"add it to {SETTINGS_FILE}: [prices] {json.dumps(model)} = "
                "{ input = …, output = … } (of a million tokens)",
            )
        ]  # fmt: skip
    if not model and queue.price_call is None:
        return [
            Problem(
                where, "has a budget, and what a job costs is not known",
                f"say it with --cost 0.002 when you add to {queue.name}",
            )
        ]  # fmt: skip
    return []


def read_key(variable: str, file: str) -> str:
    """The key from its environment variable, or from a file that only its owner may read.

    Raises:
        JobError: it is not there, or others may read it, or it is more than a key.
    """
    if variable and os.environ.get(variable, "").strip():
        return _only_a_key(os.environ[variable].strip(), f"the environment variable {variable}")
    if not file:
        raise JobError(
            f"the environment variable {variable} is not set",
            remedy=f"export {variable}=…, or say --key-env '' if the server wants none",
        )
    path = Path(file).expanduser()
    try:
        facts = path.stat()
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise JobError(
            f"the key file {file} cannot be read: {error}", remedy="fix the path"
        ) from None
    if facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise JobError(f"the key file {file} can be read by others", remedy=f"chmod 600 {file}")
    return _only_a_key(text, f"the key file {file}")


def _only_a_key(text: str, where: str) -> str:
    if text and text.isascii() and text.isprintable() and " " not in text:
        return text
    raise JobError(f"{where} holds more than a key", remedy="put the key alone there, in one line")


def limited_by_budget(store: Store, phases: Iterable[int]) -> list[QueueRow]:
    """The queues among these whose budget allows no more jobs."""
    wanted = set(phases)
    return [
        queue
        for queue in queues.all_queues(store)
        if queue.phase in wanted and queue.exhausted and has_budget(queue)
    ]
