"""What a job may use: pages know the way to the top of the site."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from ledger.errors import JobError
from ledger.project.load import parse_project
from worker.context import Context


@pytest.fixture
def context(tmp_path: Path) -> Context:
    """That of a project with one template, before anything is planned."""
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "way.html").write_text("[{{ root }}]{{ entries }}")
    (tmp_path / "templates" / "page.html").write_text("[{{ root }}]")
    nothing = cast("Any", None)
    return Context(parse_project(tmp_path, ""), {"artefacts": {}}, nothing, nothing, tmp_path)


@pytest.mark.parametrize(
    ("path", "root"),
    [("a.html", ""), ("a/b.html", "../"), ("a/b/c/d.html", "../../../")],
)
def test_the_root_of_a_page_follows_from_its_path(context: Context, path: str, root: str) -> None:
    """However deep it is."""
    output = context.page(path, "page.html")

    assert [*output.body()] == [f"[{root}]".encode()]


@pytest.mark.parametrize("path", ["a.html", "a/b.html", "a/b/c/d.html"])
def test_a_listing_at_another_depth_is_refused(context: Context, path: str) -> None:
    """The links in its entries would lead nowhere."""
    with pytest.raises(JobError, match="cannot list entries") as caught:
        context.listing(path, "way.html", [])

    assert "two folders deep" in caught.value.remedy
