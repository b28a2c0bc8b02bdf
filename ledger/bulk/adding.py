"""`ledger add`: from what was asked for to jobs in a queue; everything is checked before."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.bulk import queues
from ledger.bulk.amounts import parse_count, parse_money, parse_rate
from ledger.bulk.placeholders import names_in, shown
from ledger.bulk.queues import BulkJob, Queue
from ledger.bulk.ready import prices_of
from ledger.bulk.recipes import (
    Command,
    Prompt,
    Request,
    job_fingerprint,
    key_of,
    output_of,
    unknown_in_output,
)
from ledger.bulk.records import read_records, require_names, split_arguments
from ledger.digest import digest_bytes, fingerprint
from ledger.failures import BadInputError, LedgerError, Problem
from ledger.kinds import load_kind, module_of
from ledger.project import SETTINGS_FILE, STATE_FOLDER, load_project
from ledger.store import Store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ledger.bulk.queues import Added
    from ledger.bulk.records import Record
    from ledger.project import Project

SHOWN_PROBLEMS = 20
REQUEST_RETRIES = 7
EXISTING = ("refuse", "adopt", "replace")


@dataclass(frozen=True, slots=True)
class AddOrders:
    """What `ledger add` was asked for; the names are those of its options."""

    name: str
    kind: str = "command"
    words: tuple[str, ...] = ()
    out: str = ""
    key: str = ""
    matrix: tuple[str, ...] = ()
    arg_file: tuple[str, ...] = ()
    input: str | None = None
    null: bool = False
    shell: bool = False
    ok_codes: str = "0"
    timeout: float | None = None
    retries: int | None = None
    priority: int = 0
    existing: str = "refuse"
    replace: bool = False
    dry_run: bool = False
    prompt: str | None = None
    system: str | None = None
    schema: str | None = None
    model: str = ""
    url: str = ""
    embed: bool = False
    max_tokens: int | None = None
    temperature: float | None = None
    method: str = ""
    header: tuple[str, ...] = ()
    body: str = ""
    key_env: str | None = None
    key_file: str = ""
    cost: str | None = None
    limits: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class AddReport:
    """What `ledger add` did, or would do."""

    queue: str
    jobs: int
    duplicates: int
    changes: Added
    dry_run: bool
    examples: tuple[str, ...] = ()

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        return {
            "queue": self.queue, "jobs": self.jobs, "duplicates": self.duplicates,
            **self.changes._asdict(), "dry_run": self.dry_run, "examples": list(self.examples),
        }  # fmt: skip

    def text(self) -> str:
        """For people."""
        changes = self.changes
        would = "would be " if self.dry_run else ""
        parts = [f"{changes.added:,} {would}new", f"{changes.changed:,} changed"]
        parts.append(f"{changes.unchanged:,} there already")
        if changes.removed:
            parts.append(f"{changes.removed:,} removed")
        lines = [f"{self.queue}: {self.jobs:,} jobs: {', '.join(parts)}"]
        if self.duplicates:
            lines.append(f"{self.duplicates:,} listed more than once: each is one job")
        lines += [f"  {example}" for example in self.examples]
        if not self.dry_run:
            lines.append(f"next: ledger spawn --only {self.queue}")
        return "\n".join(lines)


def add(folder: Path, orders: AddOrders, *, here: Path) -> AddReport:
    """Add jobs to a queue of the project at or above `folder`; makes it a project if it is none.

    `here` is the folder in which the command stands: paths are relative to it.

    Raises:
        LedgerError: with what is wrong, all of it.
    """
    require_names(orders.name, "a name for a queue")
    project = ready_project(folder, dry_run=orders.dry_run)
    command, groups = split_arguments(orders.words)
    records = read_records(
        groups, files=orders.arg_file, table=orders.input, matrix=orders.matrix, null=orders.null
    )
    recipe = make_recipe(project, orders, command, records, here)
    axes = [str(n) for n in range(1, len(groups) + len(orders.arg_file) + 2)]
    axes += [text.partition("=")[0] for text in orders.matrix]
    present = [axis for axis in axes if records and axis in records[0]]
    jobs, duplicates = make_jobs(project, orders, recipe, records, present)
    queue = Queue(
        orders.name, orders.kind, module_of(orders.kind), recipe.as_dict(),
        limits=_limits(project, orders, recipe), priority=orders.priority,
        max_attempts=_attempts(project, orders),
    )  # fmt: skip
    if orders.dry_run:
        examples = tuple(_example(recipe, job) for job in jobs[:3])
        changes = queues.Added(added=len(jobs))
        return AddReport(orders.name, len(jobs), duplicates, changes, True, examples)
    with Store(project.ledger_path) as store:
        if after := json.loads(queue.limits.get("after", "[]")):
            queues.refuse_circles(store, queue.name, after)
        jobs = _settle_existing(project, store, orders, jobs)
        changes = queues.add_jobs(store, queue, jobs, replace=orders.replace)
    return AddReport(orders.name, len(jobs), duplicates, changes, False)


def ready_project(folder: Path, *, dry_run: bool = False) -> Project:
    """The project at or above `folder`, planned; a new one for queues alone if there is none."""
    from ledger.bulk.site import SETTINGS
    from ledger.planning import plan_project
    from ledger.project import find_root, parse_project

    try:
        project = load_project(find_root(folder))
    except BadInputError:
        raise
    except LedgerError:
        root = folder.resolve()
        if dry_run:
            return parse_project(root, SETTINGS)
        root.mkdir(parents=True, exist_ok=True)
        (root / SETTINGS_FILE).write_text(SETTINGS, encoding="utf-8")
        project = load_project(root)
    if not dry_run and not _is_ready(project):
        if project.settings.site.kind != "bulk" and not project.ledger_path.exists():
            raise LedgerError(
                f"the site of {project.root} is not planned yet", remedy="run `ledger init` first"
            )
        plan_project(project.root, None, dry_run=False)
    return project


def _is_ready(project: Project) -> bool:
    """Whether jobs can be added as it is, also while a run goes on."""
    from ledger.catalogue import read_facts

    try:
        with Store(project.ledger_path, read_only=True) as store:
            return bool(read_facts(store))
    except LedgerError:  # none yet, or of an older version
        return False


# -- the recipe ------------------------------------------------------------------------------


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
    from ledger.bulk.placeholders import value_of

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
    from ledger.bulk.schemas import flaw_of_schema

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


# -- the jobs --------------------------------------------------------------------------------


def make_jobs(
    project: Project,
    orders: AddOrders,
    recipe: Any,
    records: Iterable[Record],
    axes: Sequence[str] = (),
) -> tuple[list[BulkJob], int]:
    """A job for each record, and how many were listed more than once.

    Raises:
        BadInputError: with every problem of every record.
    """
    jobs: dict[str, BulkJob] = {}
    outputs: dict[str, str] = {}
    problems: dict[str, Problem] = {}
    duplicates = 0
    for number, record in enumerate(records, start=1):
        unknown = sorted({*recipe.unknown(record), *unknown_in_output(recipe, record)})
        if unknown:
            problems.setdefault(str(unknown), _unknown(number, unknown, record))
            continue
        job = _job(project, orders.kind, recipe, record, key_of(record, orders.key, axes))
        known = jobs.setdefault(job.key, job)
        if known is not job:
            if known.record == record:
                duplicates += 1
            else:
                problems[f"key {job.key}"] = _shared_key(number, job.key)
            continue
        if job.output:
            for problem in _flaws_of_output(project, recipe, job, outputs):
                problems.setdefault(f"{problem.where} {problem.what}", problem)
    if not jobs and not problems:
        problems["none"] = Problem(orders.name, "there is nothing to do", "list values after :::")
    if problems:
        raise BadInputError(_some(list(problems.values())))
    return list(jobs.values()), duplicates


def _job(project: Project, kind: str, recipe: Any, record: Record, key: str) -> BulkJob:
    folder = project.root / getattr(recipe, "cwd", ".")
    tokens_in, tokens_out = recipe.tokens(record)
    return BulkJob(
        key=key,
        fingerprint=job_fingerprint(kind, recipe, record, folder),
        record=record,
        output=os.path.normpath(output_of(recipe, record, key)) if recipe.out else "",
        tokens_in=tokens_in,
        tokens_out=tokens_out,
    )


def _unknown(number: int, unknown: list[str], record: Record) -> Problem:
    names = ", ".join(shown(name) if name.isidentifier() or not name else name for name in unknown)
    there = ", ".join(shown(name) for name in record) or "none"
    return Problem(
        f"item {number}", f"has nothing for {names}",
        f"there are: {there}, and {{path}} {{name}} {{stem}} {{ext}} {{dir}} of a single value; "
        "a brace that is text is written twice",
    )  # fmt: skip


def _shared_key(number: int, key: str) -> Problem:
    return Problem(
        f"item {number}",
        f"has the key {key!r} of another item",
        "tell them apart: --key '{id}-{lang}'",
    )


def _flaws_of_output(
    project: Project, recipe: Any, job: BulkJob, outputs: dict[str, str]
) -> list[Problem]:
    """Why a job cannot have that output: it is outside, another's, or what the job reads."""
    path, flaws = job.output, []
    parts = Path(path).parts
    if Path(path).is_absolute() or (parts and parts[0] == ".."):
        flaws.append(("is outside the project", f"keep it below {project.root}"))
    if parts and parts[0].casefold() in (STATE_FOLDER, ".git"):
        flaws.append((f"lies in {parts[0]}/, which holds other things", "choose another folder"))
    if path.casefold() == SETTINGS_FILE or path in ("", "."):
        flaws.append(("cannot be an output", "choose another name"))
    if any(not part.isprintable() or len(os.fsencode(part)) > 255 for part in parts):
        flaws.append(("is no name for a file everywhere", "choose another name"))
    folder = getattr(recipe, "cwd", ".")
    inputs = [value for value in job.record.values() if isinstance(value, str)]
    if any(os.path.normpath(f"{folder}/{value}") == path for value in inputs):
        flaws.append(("is also what the job reads", "give the output another name"))
    owner = outputs.setdefault(path.casefold(), job.key)
    if owner != job.key:
        what = f"would be written by both {owner!r} and {job.key!r}"
        flaws.append((what, "let --out tell them apart, as in '{stem}.{lang}.mp4'"))
    return [Problem(path, what, remedy) for what, remedy in flaws]


def _some(problems: list[Problem]) -> list[Problem]:
    """All of them, or so many that a person can read, and how many more there are."""
    more = len(problems) - SHOWN_PROBLEMS
    if more <= 0:
        return problems
    rest = Problem("…", f"and {more:,} more like these", "mend these first")
    return [*problems[:SHOWN_PROBLEMS], rest]


def _settle_existing(
    project: Project, store: Store, orders: AddOrders, jobs: list[BulkJob]
) -> list[BulkJob]:
    """What to do about outputs that are there and that the ledger did not make."""
    from dataclasses import replace

    paths = json.dumps([job.output for job in jobs if job.output])
    ours = {row["path"] for row in store.rows("queue_outputs", paths=paths)}
    foreign = {
        job.key: project.root / job.output
        for job in jobs
        if job.output and job.output not in ours and (project.root / job.output).exists()
    }
    if not foreign or orders.existing == "replace":
        return jobs
    if orders.existing == "refuse":
        problems = [
            Problem(
                path.relative_to(project.root).as_posix(),
                "is there already, and not made by this ledger",
                "--existing adopt takes it as done, --existing replace makes it again",
            )
            for path in foreign.values()
        ]
        raise BadInputError(_some(problems))
    made = {key: path.read_bytes() for key, path in foreign.items()}
    return [
        replace(job, made=(len(made[job.key]), digest_bytes(made[job.key])))
        if job.key in made
        else job
        for job in jobs
    ]


def _attempts(project: Project, orders: AddOrders) -> int:
    """As often as was asked for; for workers that die there are always the usual ones."""
    usual = project.settings.workers.max_attempts
    default = 0 if orders.kind == "command" else REQUEST_RETRIES
    return max(usual, 1 + (default if orders.retries is None else orders.retries))


# -- limits ----------------------------------------------------------------------------------


def _limits(project: Project, orders: AddOrders, recipe: Any) -> dict[str, Any]:
    limits = dict(orders.limits)
    if orders.cost is not None:
        limits["price_call"] = parse_money(orders.cost)
    if isinstance(recipe, Prompt):
        limits |= prices_of(project, recipe.model)
    return limits


def parse_limits(
    *,
    budget: str | None = None,
    token_budget: str | None = None,
    rate: str | None = None,
    burst: int | None = None,
    concurrency: int | None = None,
    adaptive: bool | None = None,
    after: tuple[str, ...] | None = None,
    policy: str | None = None,
) -> dict[str, Any]:
    """The limits that were named, as the columns of `queues`."""
    limits: dict[str, Any] = {}
    if budget is not None:
        limits["money_ceiling"] = None if budget == "none" else parse_money(budget)
    if token_budget is not None:
        limits["tokens_ceiling"] = None if token_budget == "none" else parse_count(token_budget)  # noqa: S105  no password
    if rate is not None:
        limits["interval"] = None if rate == "none" else parse_rate(rate).interval
    if burst is not None:
        limits["burst"] = burst
    if concurrency is not None:
        limits["concurrency"] = concurrency or None
    if adaptive is not None:
        limits["adaptive"] = int(adaptive)
    if after:
        limits["after"] = json.dumps(list(after))
    if policy is not None:
        limits["policy"] = policy
    return limits


def _example(recipe: Any, job: BulkJob) -> str:
    """What a job would do, in one line."""
    from ledger.bulk.placeholders import fill

    more = {"key": job.key, "out": job.output, "queue": "", "attempt": "1"}
    if isinstance(recipe, Command):
        words = [fill(word, job.record, more, quoted=True) for word in recipe.argv]
        return " ".join(words) + (f" > {job.output}" if recipe.capture else "")
    if isinstance(recipe, Request):
        return f"{recipe.method} {fill(recipe.url, job.record, more)}"
    return f"{job.key}: {fingerprint(job.record)[:8]} up to {job.tokens_in:,} + {job.tokens_out:,} tokens"
