"""Kinds, sites, formats and embedders of other packages: those of the docs work, broken ones are named."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from support.packages import POEMS, Package

from ledger.corpus.formats import FORMATS
from ledger.project.sites import SITES
from ledger.vectors.embedders import EMBEDDERS

if TYPE_CHECKING:
    from ledger.process.registry import Registry

HOME = Path(__file__).resolve().parents[2]
KIND = """
from ledger.jobs import Planned
needs, sites, effects = (), ("trial",), False
def plan(plan):
    yield Planned("one", "f", ("site/one.html",))
def run(job, context):
    return []
"""


@pytest.fixture
def package(tmp_path: Path) -> Package:
    """A package that is not written yet, and an empty project."""
    return Package(tmp_path)


def broken(package: Package, code: str) -> None:
    """Install a kind with that code."""
    package.install({"ledger.kinds": {"odd": "mypackage.odd"}}, {"mypackage.odd": code})
    package.write("poems.json", POEMS)


class TestDocs:
    """The example of each page, installed as it stands there."""

    def test_a_kind(self, package: Package) -> None:
        """docs/kinds.md: a page more."""
        package.install_from("kinds.md")
        package.write("poems.json", POEMS)

        package.ledger("init")
        ran = package.ledger("spawn", "1", "--only", "colophon")

        assert (ran.code, "3 documents" in package.page("colophon.html")) == (0, True)

    def test_a_site(self, package: Package) -> None:
        """docs/sites.md: its settings, its starter and its pages."""
        package.install_from("sites.md")
        package.write("pages/hello.txt", "Hello & goodbye")

        package.ledger("init", "--kind", "wiki")
        text = (package.root / "ledger.toml").read_text("utf-8")
        package.write("ledger.toml", f'{text}[wiki]\nfooter = "by all of us"\n')
        package.ledger("init")
        package.ledger("spawn", "1")

        assert package.page("hello.html") == "<p>Hello &amp; goodbye<footer>by all of us</footer>"

    @pytest.mark.parametrize(
        ("settings", "expected"),
        [
            ("[wiki]\nfoter = 1", "did you mean footer?"),
            ("[wiki]\nfooter = 1", "make it text"),
            ('[wiki]\nfolder = "/tmp"', "make it a folder of the project"),
            ("[wikki]", "did you mean wiki?"),
            ("[pages]\ndepth = 3", "belongs to a site of kind 'poems'"),
        ],
    )
    def test_settings_of_a_site_are_checked(
        self, package: Package, settings: str, expected: str
    ) -> None:
        """As those of the shipped ones are."""
        package.install_from("sites.md")
        package.write("ledger.toml", f'[site]\nkind = "wiki"\n{settings}\n')

        ran = package.ledger("init")

        assert (ran.code, expected in ran.text) == (2, True), ran.text

    def test_a_format(self, package: Package) -> None:
        """docs/formats.md: a corpus, and a word in the messages that list the formats."""
        package.install_from("formats.md")
        package.write("mine.csv", 'id,content,date\n1,"the sea, the sea",2024-05-31\n2,,\n')

        refused = package.ledger("init", "mine.csv").text
        package.write("mine.csv", 'id,content,date\n1,"the sea, the sea",2024-05-31\n')
        planned = package.ledger("init", "--dry-run").text
        package.write("ledger.toml", '[corpus]\npath = "mine.xls"')
        package.write("mine.xls", "")
        unknown = package.ledger("init").text

        assert "mine.csv line 3" in refused
        assert "1 document," in planned
        assert "(also with .gz), or a folder" in unknown
        assert ".csv" in unknown

    def test_an_embedder(self, package: Package) -> None:
        """docs/embedders.md: it embeds, and its settings are checked."""
        package.install_from("embedders.md")
        package.write("poems.json", POEMS)
        package.write("ledger.toml", '[embedding]\nembedder = "letters"\nurl = "x"')
        refused = package.ledger("init").text
        package.write("ledger.toml", '[embedding]\nembedder = "letters"')

        package.ledger("init")
        ran = package.ledger("spawn", "1", "--only", "embed")

        assert "means nothing to letters" in refused
        assert (ran.code, len([*package.root.glob(".ledger/vectors/*/*.npz")])) == (0, 1)


class TestBrokenKinds:
    """A broken kind is a problem that names it, and only where it is used."""

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            (KIND.replace("def run", "def ran"), "has no `run`"),
            (KIND.replace('("trial",), False', '("trial",), "no"'), "has effects = 'no'"),
            (KIND.replace('yield Planned("one", "f", ("site/one.html",))', "yield 3"), "plans 3"),
            (KIND.replace('"one", "f"', "1 / 0"), "ZeroDivisionError"),
            (KIND.replace('"one", "f"', 'plan.templates.digest("gone.html")'), "gone.html"),
        ],
    )
    def test_it_is_named_where_its_site_is_used(
        self, package: Package, code: str, expected: str
    ) -> None:
        """And a project of another site does not see it."""
        broken(package, code)
        package.write("ledger.toml", '[site]\nkind = "trial"')
        ran = package.ledger("init")
        package.write("ledger.toml", '[site]\nkind = "bulk"')
        other = package.ledger("init")

        assert (ran.code, expected in ran.text, "Traceback" in ran.text) == (2, True, False)
        assert "remedy" in ran.text
        assert (other.code, "odd" in other.text) == (0, False), other.text

    @pytest.mark.parametrize(
        ("code", "expected"),
        [
            ("import no_such_module", "cannot be imported"),
            (KIND.replace("needs, sites, effects", "needs, places, effects"), "has no `sites`"),
        ],
    )
    def test_one_that_may_be_of_any_site_is_noted(
        self, package: Package, code: str, expected: str
    ) -> None:
        """It is left out, with its package named."""
        broken(package, code)
        package.write("ledger.toml", '[site]\nkind = "bulk"')

        ran = package.ledger("init", "--dry-run")

        assert (ran.code, expected in ran.text, "package mypackage" in ran.text) == (0, True, True)

    def test_one_that_has_jobs_is_not_left_out(self, package: Package) -> None:
        """Its pages would be taken for those of an older plan, and deleted."""
        broken(package, KIND)
        package.write("ledger.toml", '[site]\nkind = "trial"')
        package.ledger("init")
        package.write("ledger.toml", '[site]\nkind = "bulk"')
        (package.home / "mypackage" / "odd.py").write_text("import no_such_module")

        ran = package.ledger("init")

        assert (ran.code, "cannot be imported" in ran.text) == (2, True)


@pytest.mark.parametrize(
    ("group", "value", "settings"),
    [
        ("ledger.sites", "mypackage.odd:gone", '[site]\nkind = "odd"'),
        ("ledger.sites", "mypackage.odd:plan", '[site]\nkind = "odd"'),
        ("ledger.formats", "mypackage.odd:plan", '[corpus]\npath = "x.odd"'),
        ("ledger.embedders", "mypackage.odd:plan", '[embedding]\nembedder = "odd"'),
    ],
)
def test_other_broken_entries_are_named(
    package: Package, group: str, value: str, settings: str
) -> None:
    """Where a project asks for them."""
    package.install({group: {"odd": value}}, {"mypackage.odd": KIND})
    package.write("poems.json", POEMS)
    package.write("x.odd", "")
    package.write("ledger.toml", settings)

    ran = package.ledger("init")

    assert (ran.code, "Traceback" in ran.text) == (2, False)
    assert "'odd' of the package mypackage" in ran.text


@pytest.mark.parametrize("registry", [SITES, FORMATS, EMBEDDERS], ids=lambda item: item.group)
def test_what_ships_is_registered_as_other_packages_are(registry: Registry) -> None:
    """The paths by which it is found without a search are those of its entry points."""
    declared = tomllib.loads((HOME / "pyproject.toml").read_text("utf-8"))

    assert declared["project"]["entry-points"][registry.group] == registry.shipped
