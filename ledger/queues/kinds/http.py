"""Queue kind `http`: its options and its recipe."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, ClassVar, Self

from ledger.errors import LedgerError
from ledger.queues.kinds.remote import RemoteRecipe
from ledger.queues.placeholders import fill, unknown_in

if TYPE_CHECKING:
    import click

    from ledger.queues.inputs import Item
    from ledger.queues.request import AddRequest

SECRETS = ("authorization", "api-key", "x-api-key", "proxy-authorization", "cookie")


@dataclass
class Request(RemoteRecipe):
    """Make a plain HTTP request for each value; what comes back is the output.

    URL, headers and body may have placeholders.
    """

    method: str = "GET"
    headers: dict[str, str] = field(default_factory=dict)
    body: str = ""

    usage: ClassVar[str] = "[URL] [::: VALUE…]"
    examples: ClassVar[tuple[str, ...]] = (
        "ledger add http --name pages --input ids.csv --url 'https://example.org/{id}' --rate 5/s",
        "ledger add http --name ping --url '{}' --method HEAD ::: https://example.org/a",
    )

    @classmethod
    def options(cls) -> list[click.Option]:
        """See `Recipe.options`."""
        import click

        return [
            click.Option(["--url"], default="", help="With placeholders."),
            click.Option(["--method"], default="", help="Default GET, or POST with a body."),
            click.Option(["--header"], multiple=True, metavar="'NAME: VALUE'",
                         help="Repeatable; no secrets."),
            click.Option(["--body"], default="", help="With placeholders."),
            *super().options(),
        ]  # fmt: skip

    @classmethod
    def make(cls, request: AddRequest) -> Self:
        """See `Recipe.make`."""
        given = request.given
        url = given["url"] or (request.command[0] if request.command else "")
        if not url.startswith(("http://", "https://", "{")):
            raise LedgerError(
                "there is no URL", remedy="say it: --url 'https://example.org/pages/{id}'"
            )
        method = given["method"] or ("POST" if given["body"] else "GET")
        return cls(
            **cls.remote(request), url=url, method=method.upper(), body=given["body"],
            headers=dict(_header(text) for text in given["header"]),
            key_env=given["key_env"] or "", key_file=request.file(given["key_file"]),
        )  # fmt: skip

    def unknown(self, item: Item) -> list[str]:
        """See `Recipe.unknown`."""
        texts = [self.url, self.body, *self.headers.values()]
        return sorted({name for text in texts for name in unknown_in(text, item, ("key",))})

    def example(self, item: Item, key: str, output: str) -> str:
        """See `Recipe.example`."""
        del output
        return f"{self.method} {fill(self.url, item, {'key': key})}"


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


recipe = Request
