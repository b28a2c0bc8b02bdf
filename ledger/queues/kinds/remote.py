"""What the queue kinds that talk to a server share: its address, a key, and time for an answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from ledger.queues.recipes import Recipe

if TYPE_CHECKING:
    import click

    from ledger.queues.request import AddRequest


@dataclass
class RemoteRecipe(Recipe):
    """A recipe whose jobs are requests; `worker.kinds.queue.http_client` makes them."""

    url: str = ""
    key_env: str = ""
    key_file: str = ""
    retries: int = 7
    timeout: float = 60.0

    @classmethod
    def options(cls) -> list[click.Option]:
        """See `Recipe.options`."""
        import click

        return [
            click.Option(["--timeout"], type=click.FloatRange(min=0, min_open=True),
                         metavar="SECONDS", help="Of one attempt."),
            click.Option(["--key-env"], metavar="NAME",
                         help="The environment variable of the API key."),
            click.Option(["--key-file"], default="", metavar="FILE",
                         help="Or a file that only you may read."),
        ]  # fmt: skip

    @classmethod
    def make(cls, request: AddRequest) -> Self:
        """See `Recipe.make`."""
        made = super().make(request)
        made.key_file = request.file(made.key_file)
        return made

    @classmethod
    def remote(cls, request: AddRequest) -> dict[str, Any]:
        """The fields that --timeout and the common options set, for a kind with a `make` of its own."""
        timeout = request.given["timeout"]
        return request.common() | ({} if timeout is None else {"timeout": timeout})

    def key_source(self) -> tuple[str, str]:
        """See `Recipe.key_source`."""
        return self.key_env, self.key_file
