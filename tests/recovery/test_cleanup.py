"""Tidying: exactly the stale_outputs are deleted, and never anything outside the project's folders."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ledger.files import TEMPORARY_SUFFIX
from ledger.project.load import Project, parse_project
from ledger.recovery import cleanup

if TYPE_CHECKING:
    from conftest import Ledger


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A project around the ledger."""
    return parse_project(tmp_path, "")


def leave(ledger: Ledger, project: Project, *paths: str) -> None:
    """Files of jobs that are gone from the plan."""
    for path in paths:
        (project.root / path).parent.mkdir(parents=True, exist_ok=True)
        (project.root / path).write_text("old")
    ledger.plan([ledger.job("old", outputs=paths)])
    ledger.plan(0)


def files(root: Path) -> list[str]:
    """Everything below the output folder and beside it, but for the ledger's own."""
    found = (path.relative_to(root).as_posix() for path in root.rglob("*"))
    return sorted(path for path in found if "ledger" not in path and "write-lock" not in path)


class TestLeftovers:
    """Files whose job is gone."""

    def test_exactly_they_are_deleted(self, ledger: Ledger, project: Project) -> None:
        """What nobody planned and what a person put there stays."""
        leave(ledger, project, "site/a/one.html", "site/a/two.html")
        (project.output / "a" / "mine.txt").write_text("a person's")

        assert 2 == cleanup.remove_stale_outputs(project, ledger.store)
        assert ["site", "site/a", "site/a/mine.txt"] == files(project.root)

    def test_empty_folders_go_with_them(self, ledger: Ledger, project: Project) -> None:
        """Folders that are empty now go, up to the output folder, which stays."""
        leave(ledger, project, "site/a/b/c/one.html", "site/a/b/two.html", "site/x/y.html")

        cleanup.remove_stale_outputs(project, ledger.store)

        assert ["site"] == files(project.root)

    def test_they_are_forgotten(self, ledger: Ledger, project: Project) -> None:
        """A deleted path is deleted once; what is there later is somebody else's."""
        leave(ledger, project, "site/one.html")
        cleanup.remove_stale_outputs(project, ledger.store)
        project.output.joinpath("one.html").write_text("a person's")

        assert 0 == cleanup.remove_stale_outputs(project, ledger.store)
        assert ["site", "site/one.html"] == files(project.root)

    def test_one_that_is_gone_already_is_no_matter(self, ledger: Ledger, project: Project) -> None:
        """A file, or a folder, that a person deleted first is not missed."""
        leave(ledger, project, "site/one.html", "site/deep/two.html")
        (project.output / "deep" / "two.html").unlink()
        (project.output / "deep").rmdir()

        assert 2 == cleanup.remove_stale_outputs(project, ledger.store)
        assert ["site"] == files(project.root)

    def test_a_file_where_its_folder_was_is_no_matter(
        self, ledger: Ledger, project: Project
    ) -> None:
        """A path below what is a file now cannot exist, so it need not be deleted."""
        leave(ledger, project, "site/a/one.html")
        (project.output / "a" / "one.html").unlink()
        (project.output / "a").rmdir()
        (project.output / "a").write_text("a person's")

        cleanup.remove_stale_outputs(project, ledger.store)

        assert ["site", "site/a"] == files(project.root)

    def test_a_folder_where_it_was_is_left(self, ledger: Ledger, project: Project) -> None:
        """A folder that stands where the file was is not ours, and stops nothing."""
        leave(ledger, project, "site/one.html", "site/two.html")
        (project.output / "one.html").unlink()
        (project.output / "one.html").mkdir()

        assert 2 == cleanup.remove_stale_outputs(project, ledger.store)
        assert ["site", "site/one.html"] == files(project.root)

    @pytest.mark.parametrize(
        "steps",
        [
            0,
            1,
            2,
            3,
        ],
    )
    def test_being_killed_in_between_loses_nothing(
        self, ledger: Ledger, project: Project, monkeypatch: pytest.MonkeyPatch, steps: int
    ) -> None:
        """Wherever it is cut off, doing it again ends as if it never had been."""
        leave(ledger, project, "site/a/b/one.html", "site/c/two.html")
        left = iter([None] * steps)
        for name in ("unlink", "rmdir"):
            real = getattr(Path, name)

            def cut_off(path: Path, real: object = real) -> None:
                if next(left, "dead") == "dead":
                    raise KeyboardInterrupt
                real(path)

            monkeypatch.setattr(Path, name, cut_off)
        with pytest.raises(KeyboardInterrupt):
            cleanup.remove_stale_outputs(project, ledger.store)
        monkeypatch.undo()

        cleanup.remove_stale_outputs(project, ledger.store)

        assert ["site"] == files(project.root)
        assert [] == ledger.sql("SELECT * FROM stale_outputs")

    def test_an_older_output_folder_is_tidied_too(self, ledger: Ledger, tmp_path: Path) -> None:
        """After [site] output was renamed, the pages in the old folder go or stay noted."""
        renamed = parse_project(tmp_path, '[site]\noutput = "www"')
        leave(ledger, renamed, "site/one.html")

        cleanup.remove_stale_outputs(renamed, ledger.store)

        noted = [path for (path,) in ledger.sql("SELECT path FROM stale_outputs")]
        assert (renamed.root / "site/one.html").exists() == bool(noted)


class TestOutside:
    """Nothing outside the output and state folders is ever deleted."""

    @pytest.mark.parametrize(
        "path",
        [
            "poems.json",
            "templates/own.html",
            "site/../poems.json",
            "site/link/poems.json",
            "site/deep/../../poems.json",
            "sites/poems.json",
            "../poems.json",
        ],
    )
    def test_a_path_that_leads_out_is_left(self, ledger: Ledger, tmp_path: Path, path: str) -> None:
        """Neither .. nor a link nor a like name takes a deletion out of the folders."""
        project = parse_project(tmp_path / "project", "")
        outside = tmp_path / "outside"
        outside.mkdir()
        (project.output / "deep").mkdir(parents=True)
        (project.output / "link").symlink_to(outside)
        (project.root / path).parent.mkdir(exist_ok=True)
        (project.root / path).write_text("a person's")
        ledger.plan([ledger.job("old", outputs=(path,))])
        ledger.plan(0)

        cleanup.remove_stale_outputs(project, ledger.store)

        assert "a person's" == (project.root / path).read_text()

    def test_an_absolute_path_is_left(
        self, ledger: Ledger, project: Project, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """A path that ignores the project's root is not followed."""
        precious = tmp_path_factory.mktemp("outside") / "precious"
        precious.touch()
        leave(ledger, project, str(precious))

        cleanup.remove_stale_outputs(project, ledger.store)

        assert precious.exists()

    def test_a_link_is_deleted_not_what_it_names(self, ledger: Ledger, project: Project) -> None:
        """A file that became a link is unlinked; its target stays."""
        leave(ledger, project, "site/one.html")
        precious = project.root / "poems.json"
        precious.touch()
        (project.output / "one.html").unlink()
        (project.output / "one.html").symlink_to(precious)

        cleanup.remove_stale_outputs(project, ledger.store)

        assert ["poems.json", "site"] == files(project.root)

    def test_an_output_folder_that_is_a_link_is_tidied(
        self, ledger: Ledger, project: Project, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """A person may let the whole output folder lie elsewhere."""
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        project.output.symlink_to(elsewhere)
        leave(ledger, project, "site/a/one.html")

        cleanup.remove_stale_outputs(project, ledger.store)

        assert [] == [*elsewhere.iterdir()]


class TestTemporaryFiles:
    """What dead workers were writing."""

    @pytest.fixture(autouse=True)
    def _written(self, project: Project) -> None:
        """Temp files of workers 1, 2 and 12, in both folders and beside them."""
        for folder in ("site/a", ".ledger/entry", "templates"):
            (project.root / folder).mkdir(parents=True, exist_ok=True)
            for writer in (1, 2, 12):
                (project.root / folder / f".{writer}.7{TEMPORARY_SUFFIX}").touch()
            (project.root / folder / ".1.7.mine").touch()

    def left(self, project: Project) -> dict[str, list[str]]:
        """The writers whose temp files are left, by folder."""
        return {
            folder: sorted(
                path.name.split(".")[1]
                for path in (project.root / folder).glob(f"*{TEMPORARY_SUFFIX}")
            )
            for folder in ("site/a", ".ledger/entry", "templates")
        }

    def test_those_of_the_dead_go(self, project: Project) -> None:
        """A live worker's stay; one whose number begins like it is not spared for that."""
        assert 4 == cleanup.remove_temporary_files(project, [1])
        assert {
            "site/a": ["1"],
            ".ledger/entry": ["1"],
            "templates": ["1", "12", "2"],
        } == (self.left(project))
        assert (project.output / "a" / ".1.7.mine").exists()

    def test_where_nobody_lives_all_go(self, project: Project) -> None:
        """Also those of a ledger that was deleted, whose workers nobody knows."""
        assert 6 == cleanup.remove_temporary_files(project, [])

    def test_links_are_not_followed(
        self, project: Project, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """What lies behind a link in the output folder is not swept."""
        outside = tmp_path_factory.mktemp("outside")
        (outside / f".1.1{TEMPORARY_SUFFIX}").touch()
        (project.output / "link").symlink_to(outside)

        assert 4 == cleanup.remove_temporary_files(project, [1])
        assert 1 == len([*outside.iterdir()])
