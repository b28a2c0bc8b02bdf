"""Queue kind `llm`: its options, its recipe, and the request that a prompt becomes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Self

from ledger.errors import BadInputError, LedgerError, Problem
from ledger.fingerprint import fingerprint
from ledger.queues.kinds.remote import RemoteRecipe

if TYPE_CHECKING:
    import click

    from ledger.queues.inputs import Item
    from ledger.queues.request import AddRequest

MESSAGE_TOKENS = 64
"""The most that the frame around a prompt takes; no text has more tokens than it has bytes."""


@dataclass
class Prompt(RemoteRecipe):
    """Send a prompt for each value to an OpenAI-compatible server; the answer is the output.

    The server, its model and the key's variable are by default those of [llm] in ledger.toml; a
    budget in money needs the model's prices in [prices].
    """

    model: str = ""
    endpoint: str = "chat/completions"
    prompt: str = ""
    system: str = ""
    schema: dict[str, Any] | None = None
    max_tokens: int = 1024
    temperature: float | None = None
    timeout: float = 120.0

    examples: ClassVar[tuple[str, ...]] = (
        "ledger add llm --name facts --input pages.jsonl --prompt facts.j2 --out 'facts/{id}.json'",
        "ledger add llm --name vectors --input pages.jsonl --prompt text.j2 --embed",
    )

    @classmethod
    def options(cls) -> list[click.Option]:
        """See `Recipe.options`."""
        import click

        return [
            click.Option(["--prompt"], metavar="FILE",
                         help="A Jinja template over the fields of a record."),
            click.Option(["--system"], metavar="FILE", help="The same for the system message."),
            click.Option(["--schema"], metavar="FILE", help="A JSON schema that answers must fit."),
            click.Option(["--model"], default="", help="Default: [llm] model."),
            click.Option(["--url"], default="", help="Of the server, up to /v1."),
            click.Option(["--max-tokens"], type=click.IntRange(min=1), metavar="N",
                         help="Of an answer."),
            click.Option(["--temperature"], type=float, help="Of an answer."),
            click.Option(["--embed"], is_flag=True, help="Ask for a vector, not for an answer."),
            *super().options(),
        ]  # fmt: skip

    @classmethod
    def make(cls, request: AddRequest) -> Self:
        """See `Recipe.make`."""
        given, llm, problems = request.given, request.project.settings.llm, list[Problem]()
        model, url = given["model"] or llm.model, given["url"] or llm.url
        _check_server(given["prompt"], model, url, problems)
        prompt, system, schema = (
            request.text_of(given[name], problems) for name in ("prompt", "system", "schema")
        )
        parsed = _parse_schema(given["schema"], schema, problems) if schema else None
        if problems:
            raise BadInputError(problems)
        common = {"timeout": llm.timeout} | cls.remote(request)
        return cls(
            **common, url=url.rstrip("/"), model=model, prompt=prompt, system=system, schema=parsed,
            endpoint="embeddings" if given["embed"] else "chat/completions",
            max_tokens=given["max_tokens"] or llm.max_tokens, temperature=given["temperature"],
            key_env=llm.api_key_env if given["key_env"] is None else given["key_env"],
            key_file=request.file(given["key_file"]) or llm.api_key_file,
        )  # fmt: skip

    def unknown(self, item: Item) -> list[str]:
        """Report what the templates need and the item does not have."""
        try:
            self.messages(item)
        except LedgerError as error:
            return [error.what]
        return []

    def messages(self, item: Item) -> list[dict[str, str]]:
        """The messages of a chat.

        Raises:
            LedgerError: a template cannot be rendered with this item.
        """
        texts = {"system": self.system, "user": self.prompt}
        return [
            {"role": role, "content": render(text, item)} for role, text in texts.items() if text
        ]

    def body(self, item: Item) -> dict[str, Any]:
        """The request."""
        if self.endpoint == "embeddings":
            return {"model": self.model, "input": self.messages(item)[-1]["content"]}
        body: dict[str, Any] = {"model": self.model, "messages": self.messages(item)}
        body["max_tokens"] = self.max_tokens
        if self.temperature is not None:
            body["temperature"] = self.temperature
        if self.schema is not None:
            wanted = {"name": "answer", "schema": self.schema}
            body["response_format"] = {"type": "json_schema", "json_schema": wanted}
        return body

    def tokens(self, item: Item) -> tuple[int, int]:
        """No byte of the request is more than one token."""
        size = len(json.dumps(self.body(item), ensure_ascii=False).encode())
        return size + MESSAGE_TOKENS, 0 if self.endpoint == "embeddings" else self.max_tokens

    def priced_model(self) -> str:
        """See `Recipe.priced_model`."""
        return self.model

    def example(self, item: Item, key: str, output: str) -> str:
        """See `Recipe.example`."""
        del output
        tokens_in, tokens_out = self.tokens(item)
        return f"{key}: {fingerprint(item)[:8]} up to {tokens_in:,} + {tokens_out:,} tokens"


def _check_server(prompt: str | None, model: str, url: str, problems: list[Problem]) -> None:
    if not prompt:
        problems.append(
            Problem("--prompt", "is missing", "name a Jinja template: --prompt facts.j2")
        )
    if not model:
        problems.append(Problem("--model", "is missing", "say it, or set [llm] model"))
    if not url.startswith(("http://", "https://")):
        problems.append(Problem("[llm] url", f"is {url!r}", "make it https://…/v1"))


def _parse_schema(name: str, text: str, problems: list[Problem]) -> dict[str, Any] | None:
    from ledger.queues.schemas import schema_problem

    try:
        schema = json.loads(text)
    except ValueError as error:
        problems.append(Problem(name, f"is not JSON: {error}", "fix the file"))
        return None
    if problem := schema_problem(schema):
        problems.append(Problem(name, f"is no JSON schema: {problem}", "fix the file"))
    return schema if isinstance(schema, dict) else None


def render(template: str, item: Item) -> str:
    """A Jinja template with the fields of an item; `item` in it is the item as a whole.

    Raises:
        LedgerError: it cannot be rendered, with the field that is missing or the line at fault.
    """
    import jinja2

    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, autoescape=False)  # noqa: S701  no HTML
    try:
        return environment.from_string(template).render({**item, "item": item})
    except jinja2.TemplateError as error:
        line = f" (line {error.lineno})" if isinstance(error, jinja2.TemplateSyntaxError) else ""
        raise LedgerError(
            f"the prompt cannot be rendered: {error.message}{line}",
            remedy=f"fix the template; there are: {', '.join(map(str, item)) or 'no fields'}",
        ) from None


recipe = Prompt
