"""Front matter: the dialect of each generator is read; errors are reported with their line."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.corpus.notes import MAX_FRONT_MATTER
from ledger.sites.blog.front_matter import split


@pytest.mark.parametrize(
    ("text", "fields"),
    [
        (
            ("---\nlayout: post\ntitle: 'A: b'\ndate: 2024-05-31 10:00:00 +0200\ncategories: a b\n"
            "permalink: /x/\nredirect_from: [/y/]\npublished: false\nlast_modified_at: 2024-06-01\n---\nHi"),
            {
                "layout": "post", "title": "A: b", "date": "2024-05-31 10:00:00 +0200",
                "categories": "a b", "url": "/x/", "aliases": ["/y/"], "draft": True,
                "updated": "2024-06-01",
            },
        ),
        (
            ('+++\ntitle = "T"\ndate = 2024-05-31T10:00:00Z\nlastmod = 2024-06-01\ndraft = true\n'
            'tags = ["a", "b"]\ntranslationKey = "k"\n+++\nHi'),
            {
                "title": "T", "date": "2024-05-31T10:00:00+00:00", "updated": "2024-06-01",
                "draft": True, "tags": ["a", "b"], "translation": "k",
            },
        ),
        (
            '+++\ntitle = "T"\n[taxonomies]\ntags = ["a"]\ncategories = ["c"]\n[extra]\nx = 1\n+++\nHi',
            {"title": "T", "tags": ["a"], "categories": ["c"]},
        ),
        (
            ("Title: T\nDate: 2024-05-31\nCategory: c\nTags: a, b\nSlug: s\nAuthors: A; B\n"
            "Modified: 2024-06-01\nStatus: draft\n\nHi"),
            {
                "title": "T", "date": "2024-05-31", "categories": "c", "tags": ["a", "b"],
                "slug": "s", "authors": ["A", "B"], "updated": "2024-06-01", "draft": True,
            },
        ),
        ('{\n"title": "T",\n"tags": ["a"]\n}\nHi', {"title": "T", "tags": ["a"]}),
        ("---\ntitle: No\nslug: 0042\n---\nHi", {"title": "No", "slug": "0042"}),
        ("Just text: with a colon\n\nHi", {}),
    ],
    ids=["jekyll", "hugo", "zola", "pelican", "json", "as it stands", "none"],
)  # fmt: skip
def test_dialects(text, fields):
    """Each generator's fields get our names, and the body is the rest."""
    matter = split(text, "x.md")

    assert (matter.fields, matter.problems) == (fields, [])
    assert matter.body.endswith("Hi")
    assert text.split("\n")[matter.body_line - 1 :] == matter.body.split("\n")


def test_what_nobody_knows_is_kept():
    """Unknown keys are in `extra`, with their types."""
    matter = split("---\ntitle: T\nweight: 3\nflag: yes\nmood: {a: [1, 2.5]}\n---\n", "x.md")

    assert matter.extra == {"weight": 3, "flag": True, "mood": {"a": [1, 2.5]}}


@pytest.mark.parametrize(
    ("text", "where", "what"),
    [
        ("---\ntitle: [\n---\n", "x.md line", "is not YAML"),
        ("+++\na = \n+++\n", "x.md line 2", "is not TOML"),
        ("---\ntitle: T\n", "x.md line 1", "never closed"),
        ("---\n- a\n---\n", "x.md line 2", "no"),
        (f"---\na: {'x' * MAX_FRONT_MATTER}\n---\n", "x.md line 1", "characters, more than"),
        ('{\n"a": }\n}\nHi', "x.md line 1", "is not JSON"),
    ],
)
def test_an_error_names_its_line(text, where, what):
    """An error has file, line and cause."""
    (problem,) = split(text, "x.md").problems

    assert problem.where.startswith(where)
    assert what in problem.what or what == "no"


def test_a_bomb_does_not_go_off():
    """Aliases that expand to a billion values are refused."""
    lines = ["a0: &a0 [x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 12)]

    (problem,) = split("---\n" + "\n".join(lines) + "\n---\n", "x.md").problems

    assert "values" in problem.what


@given(st.text(max_size=300))
def test_any_text_is_read_or_refused(text):
    """No text makes the reader raise."""
    for fence in ("---\n", "+++\n", ""):
        end = f"\n{fence}" if fence else ""
        split(f"{fence}{text}{end}", "x.md")
