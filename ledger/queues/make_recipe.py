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
    from ledger.queues.inputs import Item
    from ledger.queues.options import AddOptions

REQUEST_RETRIES = 7


def make_recipe(
    project: Project, options: AddOptions, command: list[str], records: list[Item], here: Path
) -> Command | Prompt | Request:
    """What all the jobs share.

    Raises:
        LedgerError: something is missing or makes no sense.
    """
    makers: dict[str, Callable[..., Command | Prompt | Request]] = {
        "command": _command, "llm": _prompt, "http": _request,
    }  # fmt: skip
    if options.kind not in makers:
        load_kind(options.kind)
        raise LedgerError(
            f"jobs of kind {options.kind!r} are not added by hand",
            remedy=f"use one of: {', '.join(makers)}",
        )
    return makers[options.kind](project, options, command, records, here)


def _command(
    project: Project, options: AddOptions, command: list[str], records: list[Item], here: Path
) -> Command:
    if not command:
        raise LedgerError(
            "there is no command",
            remedy="say it after --, as in: ledger add --name x -- wc {} ::: *",
        )
    argv = [" ".join(command)] if options.shell else list(command)
    used = {name for word in argv for name in names_in(word)}
    single = records and set(records[0]) == {"1"}
    if single and not any(_is_used(name, records[0]) for name in used):
        argv = [f"{argv[0]} {{}}"] if options.shell else [*argv, "{}"]
    try:
        codes = [int(code) for code in options.ok_codes.split(",")]
    except ValueError:
        raise LedgerError(
            f"--ok-codes {options.ok_codes!r} are no numbers", remedy="write them as 0,1"
        ) from None
    return Command(
        argv=argv,
        shell=options.shell,
        cwd=_inside(project, here),
        out=_placed(project, options.out, here),
        capture=bool(options.out) and "out" not in used,
        ok_codes=codes,
        retries=options.retries or 0,
        timeout=options.timeout,
    )


def _is_used(name: str, record: Item) -> bool:
    return value_of(name, record) is not None


def _prompt(
    project: Project, options: AddOptions, command: list[str], records: list[Item], here: Path
) -> Prompt:
    del command, records
    llm = project.settings.llm
    problems = []
    if not options.prompt:
        problems.append(
            Problem("--prompt", "is missing", "name a Jinja template: --prompt facts.j2")
        )
    model, url = options.model or llm.model, options.url or llm.url
    if not model:
        problems.append(Problem("--model", "is missing", "say it, or set [llm] model"))
    if not url.startswith(("http://", "https://")):
        problems.append(Problem("[llm] url", f"is {url!r}", "make it https://…/v1"))
    texts = [_read(here, name, problems) for name in (options.prompt, options.system)]
    schema = _read(here, options.schema, problems)
    parsed = _parse_schema(options.schema or "", schema, problems) if schema else None
    if problems:
        raise BadInputError(problems)
    return Prompt(
        url=url.rstrip("/"), model=model, prompt=texts[0], system=texts[1], schema=parsed,
        endpoint="embeddings" if options.embed else "chat/completions",
        max_tokens=options.max_tokens or llm.max_tokens, temperature=options.temperature,
        out=_placed(project, options.out, here),
        key_env=llm.api_key_env if options.key_env is None else options.key_env,
        key_file=_key_file(options.key_file, here) or llm.api_key_file,
        retries=REQUEST_RETRIES if options.retries is None else options.retries,
        timeout=options.timeout or llm.timeout,
    )  # fmt: skip


def _request(
    project: Project, options: AddOptions, command: list[str], records: list[Item], here: Path
) -> Request:
    del records
    url = options.url or (command[0] if command else "")
    if not url.startswith(("http://", "https://", "{")):
        raise LedgerError(
            "there is no URL", remedy="say it: --url 'https://example.org/pages/{id}'"
        )
    headers = dict(_header(text) for text in options.header)
    return Request(
        url=url, method=(options.method or ("POST" if options.body else "GET")).upper(),
        headers=headers, body=options.body, out=_placed(project, options.out, here),
        key_env=options.key_env or "", key_file=_key_file(options.key_file, here),
        retries=REQUEST_RETRIES if options.retries is None else options.retries,
        timeout=options.timeout or 60.0,
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
    from ledger.queues.schemas import schema_problem

    try:
        schema = json.loads(text)
    except ValueError as error:
        problems.append(Problem(name, f"is not JSON: {error}", "mend it"))
        return None
    if problem := schema_problem(schema):
        problems.append(Problem(name, f"is no JSON schema: {problem}", "mend it"))
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
