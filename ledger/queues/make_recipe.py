"""From what was asked for to the recipe that all jobs of a queue share."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import BadInputError, LedgerError, Problem
from ledger.planning.kinds import load_kind
from ledger.queues.placeholders import names_in, value_of
from ledger.queues.recipes import Command, Prompt, Request

if TYPE_CHECKING:
    from collections.abc import Callable

    from ledger.project.load import Project
    from ledger.queues.inputs import Record
    from ledger.queues.options import AddOrders

REQUEST_RETRIES = 7


def make_recipe(
    project: Project, orders: AddOrders, command: list[str], records: list[Record], here: Path
) -> Command | Prompt | Request:
    """What all the jobs share.

    Raises:
        LedgerError: something is missing or makes no sense.
    """
    makers: dict[str, Callable[..., Command | Prompt | Request]] = {
        "command": _command, "llm": _prompt, "http": _request,
    }  # fmt: skip
    if orders.kind not in makers:
        load_kind(orders.kind)
        raise LedgerError(
            f"jobs of kind {orders.kind!r} are not added by hand",
            remedy=f"use one of: {', '.join(makers)}",
        )
    return makers[orders.kind](project, orders, command, records, here)


def _command(
    project: Project, orders: AddOrders, command: list[str], records: list[Record], here: Path
) -> Command:
    if not command:
        raise LedgerError(
            "there is no command",
            remedy="say it after --, as in: ledger add --name x -- wc {} ::: *",
        )
    argv = [" ".join(command)] if orders.shell else list(command)
    used = {name for word in argv for name in names_in(word)}
    single = records and set(records[0]) == {"1"}
    if single and not any(_is_used(name, records[0]) for name in used):
        argv = [f"{argv[0]} {{}}"] if orders.shell else [*argv, "{}"]
    try:
        codes = [int(code) for code in orders.ok_codes.split(",")]
    except ValueError:
        raise LedgerError(
            f"--ok-codes {orders.ok_codes!r} are no numbers", remedy="write them as 0,1"
        ) from None
    return Command(
        argv=argv,
        shell=orders.shell,
        cwd=_inside(project, here),
        out=_placed(project, orders.out, here),
        capture=bool(orders.out) and "out" not in used,
        ok_codes=codes,
        retries=orders.retries or 0,
        timeout=orders.timeout,
    )


def _is_used(name: str, record: Record) -> bool:
    return value_of(name, record) is not None


def _prompt(
    project: Project, orders: AddOrders, command: list[str], records: list[Record], here: Path
) -> Prompt:
    del command, records
    llm = project.settings.llm
    problems = []
    if not orders.prompt:
        problems.append(
            Problem("--prompt", "is missing", "name a Jinja template: --prompt facts.j2")
        )
    model, url = orders.model or llm.model, orders.url or llm.url
    if not model:
        problems.append(Problem("--model", "is missing", "say it, or set [llm] model"))
    if not url.startswith(("http://", "https://")):
        problems.append(Problem("[llm] url", f"is {url!r}", "make it https://…/v1"))
    texts = [_read(here, name, problems) for name in (orders.prompt, orders.system)]
    schema = _read(here, orders.schema, problems)
    parsed = _parse_schema(orders.schema or "", schema, problems) if schema else None
    if problems:
        raise BadInputError(problems)
    return Prompt(
        url=url.rstrip("/"), model=model, prompt=texts[0], system=texts[1], schema=parsed,
        endpoint="embeddings" if orders.embed else "chat/completions",
        max_tokens=orders.max_tokens or llm.max_tokens, temperature=orders.temperature,
        out=_placed(project, orders.out, here),
        key_env=llm.api_key_env if orders.key_env is None else orders.key_env,
        key_file=_key_file(orders.key_file, here) or llm.api_key_file,
        retries=REQUEST_RETRIES if orders.retries is None else orders.retries,
        timeout=orders.timeout or llm.timeout,
    )  # fmt: skip


def _request(
    project: Project, orders: AddOrders, command: list[str], records: list[Record], here: Path
) -> Request:
    del records
    url = orders.url or (command[0] if command else "")
    if not url.startswith(("http://", "https://", "{")):
        raise LedgerError(
            "there is no URL", remedy="say it: --url 'https://example.org/pages/{id}'"
        )
    headers = dict(_header(text) for text in orders.header)
    return Request(
        url=url, method=(orders.method or ("POST" if orders.body else "GET")).upper(),
        headers=headers, body=orders.body, out=_placed(project, orders.out, here),
        key_env=orders.key_env or "", key_file=_key_file(orders.key_file, here),
        retries=REQUEST_RETRIES if orders.retries is None else orders.retries,
        timeout=orders.timeout or 60.0,
    )  # fmt: skip


def _key_file(name: str, here: Path) -> str:
    return str((here / Path(name).expanduser()).resolve()) if name else ""


SECRETS = ("authorization", "api-key", "x-api-key", "proxy-authorization", "cookie")


def _header(text: str) -> tuple[str, str]:
    name, sign, value = text.partition(":")
    if not sign or not name.strip():
        raise LedgerError(f"--header {text!r} is none", remedy="write it as 'Accept: text/html'")
    if name.strip().lower() in SECRETS:
        raise LedgerError(
            f"the header {name.strip()} would put a secret into the ledger",
            remedy="put the key into an environment variable and name that: --key-env MY_KEY",
        )
    return name.strip(), value.strip()


def _read(here: Path, name: str | None, problems: list[Problem]) -> str:
    if not name:
        return ""
    try:
        return (here / name).read_text(encoding="utf-8")
    except OSError as error:
        problems.append(Problem(name, f"cannot be read: {error.strerror}", "check the path"))
    except UnicodeDecodeError as error:
        problems.append(Problem(name, f"is not UTF-8 (byte {error.start})", "save it as UTF-8"))
    return ""


def _parse_schema(name: str, text: str, problems: list[Problem]) -> dict[str, Any] | None:
    from ledger.queues.schemas import flaw_of_schema

    try:
        schema = json.loads(text)
    except ValueError as error:
        problems.append(Problem(name, f"is not JSON: {error}", "mend it"))
        return None
    if flaw := flaw_of_schema(schema):
        problems.append(Problem(name, f"is no JSON schema: {flaw}", "mend it"))
    return schema if isinstance(schema, dict) else None


def _inside(project: Project, here: Path) -> str:
    """A folder relative to the project.

    Raises:
        LedgerError: it is outside.
    """
    here, root = here.resolve(), project.root.resolve()
    if here.is_relative_to(root):
        return here.relative_to(root).as_posix()
    return here.as_posix()


def _placed(project: Project, out: str, here: Path) -> str:
    """The template of an output, relative to the project."""
    if not out:
        return ""
    relative = os.path.relpath(here.resolve(), project.root.resolve())
    if Path(out).is_absolute():
        return os.path.relpath(out, project.root.resolve())
    return out if relative == "." else f"{relative}/{out}"
