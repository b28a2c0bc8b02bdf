"""asset: files that are copied unchanged, from the content folder and from the static folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from ledger.errors import JobError
from ledger.fingerprint import fingerprint
from ledger.jobs import Output, Planned

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from ledger.jobs import Job
    from ledger.sites.blog.plan import BlogPlan
    from worker.context import Context

needs = ()
sites = ("blog",)
effects = False
VERSION = 1


def plan(plan: BlogPlan) -> Iterator[Planned]:
    """Plan a job for every file."""
    for asset in plan.assets:
        url = plan.asset_urls[asset.name]
        payload: dict[str, Any] = {
            "from": _relative(Path(asset.path), plan.project.root),
            "url": url,
        }
        if digest := plan.asset_digests.get(asset.name):
            payload |= {"digest": digest, "stamp": asset.stamp}
        inputs = fingerprint(VERSION, asset.stamp, payload)
        yield Planned(asset.name, inputs, (f"{plan.settings.site.output}{url}",), payload)


def _relative(path: Path, root: Path) -> str:
    """Return a path as stored in the ledger: relative if it is in the project, which may be moved."""
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else path.as_posix()


def run(job: Job, context: Context) -> Iterable[Output]:
    """Copy the file."""
    source = context.state_path(job.payload["from"])

    def body() -> list[bytes]:
        try:
            return [source.read_bytes()]
        except OSError as error:
            raise JobError(
                f"cannot read {job.payload['from']}: {error.strerror}",
                remedy="put it back, or run `ledger init` to plan without it",
            ) from error

    yield Output(context.site_path(job.payload["url"][1:]), job.fingerprint, body)
