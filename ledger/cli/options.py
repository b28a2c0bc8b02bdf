"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args, get_origin

import click

from ledger.queues.limits import QueueLimits, SpawnLimits, declared, parse_limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.queues.limits import Declared


def in_project(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add -C DIR."""
    return click.option(
        "-C", "folder", type=click.Path(path_type=Path), default=Path(), metavar="DIR",
        help="Work on the project in DIR (default: here or the nearest folder above).",
    )(command)  # fmt: skip


def as_json(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add --json."""
    return click.option("--json", "json_", is_flag=True, help="Print JSON for scripts.")(command)


def limit_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the limits that `ledger spawn` may change."""
    for each in reversed(declared(SpawnLimits)):
        flags, settings = _flags_and_settings(each)
        command = click.option(*flags, **settings)(command)
    return command


def limit_parameters() -> list[click.Option]:
    """The limits that `ledger add` may set."""
    options = []
    for each in declared(QueueLimits):
        flags, settings = _flags_and_settings(each)
        options.append(click.Option(flags, **settings))
    return options


def take_limits(options: dict[str, Any]) -> dict[str, Any]:
    """Take the limits out of a command's options, as columns of the table of queues."""
    names = [each.name for each in declared(QueueLimits) if each.name in options]
    return parse_limits(**{name: options.pop(name) for name in names})


def _flags_and_settings(each: Declared) -> tuple[list[str], dict[str, Any]]:
    """A limit as click takes an option; what kind of option it is follows from its type."""
    flag, wanted = f"--{each.name.replace('_', '-')}", _without_none(each.type)
    settings: dict[str, Any] = {"help": each.limit.help, "metavar": each.limit.metavar}
    if wanted is bool:
        return [f"{flag}/--no-{flag[2:]}"], {"help": each.limit.help, "default": None}
    if wanted is int:
        settings["type"] = click.IntRange(min=each.limit.least)
    elif get_origin(wanted) is Literal:
        settings["type"] = click.Choice(get_args(wanted))
    elif get_origin(wanted) is tuple:
        settings["multiple"] = True
    return [flag], settings


def _without_none(wanted: Any) -> Any:
    """`X` of `X | None`."""
    if get_origin(wanted) in (Literal, tuple):
        return wanted
    kept = [each for each in get_args(wanted) if each is not type(None)]
    return kept[0] if kept else wanted
