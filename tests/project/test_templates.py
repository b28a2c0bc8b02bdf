"""Templates: shadowing, digests that follow what is included, problems found early."""

from __future__ import annotations

import pytest

from ledger.project.load import parse_project
from ledger.project.templates import Templates
from ledger.sites.poems import PAGE_TEMPLATES


@pytest.fixture
def write(tmp_path):
    """Puts templates of its own into the project."""
    (tmp_path / "templates").mkdir()

    def writer(**files: str) -> Templates:
        for name, text in files.items():
            (tmp_path / "templates" / f"{name}.html").write_text(text)
        return Templates(parse_project(tmp_path, ""))

    return writer


def test_own_templates_shadow_the_shipped_ones(write):
    """File by file."""
    assert write(word="mine").render("word.html") == "mine"


def test_text_is_escaped(write):
    """Autoescape is on."""
    assert write(a="{{ text }}").render("a.html", text="<b>") == "&lt;b&gt;"


def test_a_digest_follows_what_is_included(write):
    """A change in an included file changes the digest of the one that includes it."""
    before = write(a="{% include 'b.html' %}", b="1").digest("a.html")

    assert before != write(b="2").digest("a.html")
    assert before == write(b="1", c="other").digest("a.html")


def test_templates_that_include_each_other_have_a_digest(write):
    """A circle is followed once."""
    circle = write(a="{% include 'b.html' %}", b="{% include 'a.html' %}")

    assert len(circle.digest("a.html")) == 32


def test_problems_have_file_line_and_remedy(write):
    """Syntax errors and missing files, all of them."""
    broken = write(a="\n{% if %}", b="{% extends 'nope.html' %}")

    wheres = [problem.where for problem in broken.check({"a.html", "b.html"})]

    assert wheres == ["templates/a.html:2", "templates/b.html"]


def test_the_shipped_templates_are_in_order(write):
    """All of them compile, and all pages are among those that are checked."""
    assert write().check(PAGE_TEMPLATES) == []
