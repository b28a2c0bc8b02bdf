"""Publishing: a file is there whole or not at all, and is left alone when it is right already."""

from __future__ import annotations

import errno
import os
import re
import resource
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from ledger.errors import JobError
from ledger.fingerprint import digest_bytes
from ledger.jobs import Output, Published
from worker.publish import Publisher

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


@pytest.fixture
def publisher(tmp_path: Path) -> Publisher:
    """Worker 7 of the project in `tmp_path`."""
    return Publisher(tmp_path, ("site", ".ledger"), writer=7)


def output(*chunks: bytes, path: str = "site/a/page.html", inputs: str = "i1") -> Output:
    return Output(path, inputs, lambda: chunks)


def never() -> Iterable[bytes]:
    """A body that must not be asked for."""
    raise AssertionError("the body was made")


def identity(path: Path) -> tuple[int, int]:
    """What changes when a file is written again."""
    status = path.stat()
    return status.st_ino, status.st_mtime_ns


def left(root: Path) -> list[str]:
    """All files, hidden ones too."""
    return sorted(path.relative_to(root).as_posix() for path in root.rglob("*") if path.is_file())


class TestWriting:
    """A file that has to be made."""

    def test_it_is_written(self, publisher: Publisher, tmp_path: Path) -> None:
        """The chunks are in the file, in order, and what is known of it is returned."""
        done = publisher.publish(output(b"one ", bytearray(b"two "), memoryview(b"three")), None)

        assert b"one two three" == (tmp_path / "site/a/page.html").read_bytes()
        assert Published("site/a/page.html", 13, digest_bytes(b"one two three"), "i1") == done
        assert ["site/a/page.html"] == left(tmp_path)

    def test_an_empty_file_is_a_file(self, publisher: Publisher, tmp_path: Path) -> None:
        """No bytes are bytes too."""
        assert 0 == publisher.publish(output(), None).bytes
        assert b"" == (tmp_path / "site/a/page.html").read_bytes()

    def test_it_is_readable_by_a_web_server(self, publisher: Publisher, tmp_path: Path) -> None:
        """Others may read it."""
        publisher.publish(output(b"x"), None)

        assert 0o044 == (tmp_path / "site/a/page.html").stat().st_mode & 0o044

    def test_the_state_folder_is_allowed(self, publisher: Publisher, tmp_path: Path) -> None:
        """Artefacts are published like pages."""
        publisher.publish(output(b"x", path=".ledger/space/v.npy"), None)

        assert [".ledger/space/v.npy"] == left(tmp_path)

    def test_a_slow_disk_gets_it_all(
        self, publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A write that takes only some of the bytes is gone on with."""
        real = os.write
        monkeypatch.setattr(os, "write", lambda file, data: real(file, bytes(data[:3])))

        publisher.publish(output(b"abcdefghij"), None)

        assert b"abcdefghij" == (tmp_path / "site/a/page.html").read_bytes()

    def test_nobody_sees_half_a_file(
        self, publisher: Publisher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """While it is written the old file stands under its name, whole."""
        page = tmp_path / "site/a/page.html"
        publisher.publish(output(b"old"), None)
        real, seen = os.write, []

        def write(file: int, data: bytes) -> int:
            seen.append(page.read_bytes())
            return real(file, bytes(data[:4]))

        monkeypatch.setattr(os, "write", write)
        publisher.publish(output(b"new and longer"), None)

        assert {b"old"} == {*seen}
        assert b"new and longer" == page.read_bytes()

    def test_temp_names_are_unique(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """No two writers, and no two files of one writer, ever share a temp name."""
        real, names = os.replace, []
        monkeypatch.setattr(os, "replace", lambda old, new: (names.append(old), real(old, new)))
        for writer in (1, 11, 2):
            publisher = Publisher(tmp_path, ("site",), writer)
            for number in range(12):
                publisher.publish(output(b"%d %d" % (writer, number)), None)

        assert 36 == len({*names})

    def test_a_temp_file_of_another_ledger_is_no_obstacle(
        self, publisher: Publisher, tmp_path: Path
    ) -> None:
        """After .ledger/ was deleted numbers begin anew, and may meet a temp file of old."""
        stale = tmp_path / "site/a/.7.1.ledger-tmp"
        stale.parent.mkdir(parents=True)
        stale.write_bytes(b"a longer piece of an old page")

        publisher.publish(output(b"new"), None)

        assert b"new" == (tmp_path / "site/a/page.html").read_bytes()


class TestLeavingAlone:
    """A file that is right already."""

    @pytest.fixture
    def known(self, publisher: Publisher) -> Published:
        """What is known of a page that was published."""
        return publisher.publish(output(b"same"), None)

    def test_the_same_bytes_are_not_written(
        self, publisher: Publisher, tmp_path: Path, known: Published
    ) -> None:
        """Other inputs that give the same bytes leave the file untouched, and are noted."""
        before = identity(tmp_path / "site/a/page.html")

        done = publisher.publish(output(b"same", inputs="i2"), known)

        assert before == identity(tmp_path / "site/a/page.html")
        assert Published(known.path, 4, known.digest, "i2") == done

    def test_from_the_same_inputs_nothing_is_made(
        self, publisher: Publisher, tmp_path: Path, known: Published
    ) -> None:
        """When inputs and size are as noted, the body is never asked for."""
        before = identity(tmp_path / "site/a/page.html")

        assert known == publisher.publish(Output(known.path, "i1", never), known)
        assert before == identity(tmp_path / "site/a/page.html")

    @pytest.mark.parametrize("damage", [b"", b"sam", b"same but longer", None])
    def test_a_damaged_file_is_made_again(
        self, publisher: Publisher, tmp_path: Path, known: Published, damage: bytes | None
    ) -> None:
        """A file of another size, or none, is made again though its inputs are the same."""
        page = tmp_path / "site/a/page.html"
        page.unlink() if damage is None else page.write_bytes(damage)

        assert known == publisher.publish(output(b"same"), known)
        assert b"same" == page.read_bytes()

    def test_the_same_size_is_not_the_same_file(
        self, publisher: Publisher, tmp_path: Path, known: Published
    ) -> None:
        """New inputs that give as many bytes, but others, are written."""
        publisher.publish(output(b"emas", inputs="i2"), known)

        assert b"emas" == (tmp_path / "site/a/page.html").read_bytes()

    def test_what_was_never_made_is_made(self, publisher: Publisher, tmp_path: Path) -> None:
        """An output of which only the path is known is not taken for done."""
        publisher.publish(output(b"x"), Published("site/a/page.html", None, None, None))

        assert b"x" == (tmp_path / "site/a/page.html").read_bytes()

    def test_a_link_is_replaced_not_followed(self, publisher: Publisher, tmp_path: Path) -> None:
        """Where the file is a link, the link goes and what it names stays."""
        precious = tmp_path / "poems.json"
        precious.write_bytes(b"precious")
        page = tmp_path / "site/a/page.html"
        page.parent.mkdir(parents=True)
        page.symlink_to(precious)

        publisher.publish(output(b"x"), None)

        assert (b"precious", b"x", False) == (
            precious.read_bytes(), page.read_bytes(), page.is_symlink(),
        )  # fmt: skip

    def test_a_link_is_no_page_of_its_size(self, publisher: Publisher, tmp_path: Path) -> None:
        """A link to a file that has the noted size and bytes is replaced all the same."""
        known = publisher.publish(output(b"same"), None)
        page, other = tmp_path / "site/a/page.html", tmp_path / "other"
        other.write_bytes(b"emas")
        page.unlink()
        page.symlink_to(other)

        publisher.publish(output(b"same"), known)

        assert (b"emas", b"same", False) == (
            other.read_bytes(), page.read_bytes(), page.is_symlink(),
        )  # fmt: skip


class TestFailing:
    """A file that cannot be made."""

    @pytest.fixture
    def page(self, publisher: Publisher, tmp_path: Path) -> Path:
        """A page as it was before."""
        publisher.publish(output(b"old"), None)
        return tmp_path / "site/a/page.html"

    def test_a_failing_body_leaves_the_old_file(
        self, publisher: Publisher, tmp_path: Path, page: Path
    ) -> None:
        """A job that breaks halfway leaves neither a piece nor a temp file."""

        def body() -> Iterable[bytes]:
            yield b"half"
            raise ZeroDivisionError

        with pytest.raises(ZeroDivisionError):
            publisher.publish(Output("site/a/page.html", "i2", body), None)

        assert (b"old", ["site/a/page.html"]) == (page.read_bytes(), left(tmp_path))

    @pytest.mark.parametrize("call", ["write", "replace", "open"])
    def test_a_full_disk_leaves_the_old_file(
        self,
        publisher: Publisher,
        tmp_path: Path,
        page: Path,
        monkeypatch: pytest.MonkeyPatch,
        call: str,
    ) -> None:
        """Wherever the disk refuses, no temp file is left, and the report says what to do."""

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, call, full)
        with pytest.raises(JobError, match="No space left") as caught:
            publisher.publish(output(b"new"), None)
        monkeypatch.undo()

        assert "make room" in caught.value.remedy
        assert (b"old", ["site/a/page.html"]) == (page.read_bytes(), left(tmp_path))

    def test_a_file_that_grows_too_large_is_not_left(self, page: Path, tmp_path: Path) -> None:
        """A real refusal in the middle of a file leaves nothing of it behind."""
        code = (
            "import sys; from pathlib import Path; from worker.publish import Publisher\n"
            "from ledger.jobs import Output; from ledger.errors import JobError\n"
            "try: Publisher(Path(sys.argv[1]), ('site',), 8).publish(\n"
            "    Output('site/a/page.html', 'i', lambda: [b'x' * 50_000]), None)\n"
            "except JobError as error: print(error.what)"
        )
        done = subprocess.run(
            [sys.executable, "-c", code, str(tmp_path)],
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
            capture_output=True,
            text=True,
            check=True,
        )

        assert "cannot write site/a/page.html: File too large\n" == done.stdout
        assert (b"old", ["site/a/page.html"]) == (page.read_bytes(), left(tmp_path))

    def test_a_folder_in_the_way_is_reported(self, publisher: Publisher, tmp_path: Path) -> None:
        """A folder where the file should be is a failure with a remedy, and stays."""
        folder = tmp_path / "site/a/page.html"
        folder.mkdir(parents=True)

        with pytest.raises(JobError, match=r"cannot write site/a/page\.html") as caught:
            publisher.publish(output(b"x"), None)

        assert caught.value.remedy
        assert (True, []) == (folder.is_dir(), left(tmp_path))

    @pytest.mark.parametrize(
        ("obstacle", "what"),
        [
            ("a file", "site/a is a file where a folder should be"),
            ("a dangling link", "site/a is a link to nothing where a folder should be"),
            ("a folder", "a folder stands there"),
        ],
    )
    def test_what_stands_in_the_way_is_named(
        self, publisher: Publisher, tmp_path: Path, obstacle: str, what: str
    ) -> None:
        """The report says what to move away, and from where; it stays until a person does."""
        (tmp_path / "site").mkdir()
        if obstacle == "a file":
            (tmp_path / "site/a").touch()
        elif obstacle == "a folder":
            (tmp_path / "site/a/b/page.html").mkdir(parents=True)
        else:
            (tmp_path / "site/a").symlink_to("nothing")

        with pytest.raises(JobError) as caught:
            publisher.publish(output(b"x", path="site/a/b/page.html"), None)

        assert f"cannot write site/a/b/page.html: {what}" == caught.value.what
        assert "1 bytes" == caught.value.context
        assert "move it away, then `ledger retry --failed`" == caught.value.remedy
        assert os.path.lexists(tmp_path / "site/a")

    @pytest.mark.parametrize(
        ("path", "remedy"),
        [
            (f"site/{'x' * 300}", "shorter id"),
            (f"site/{'x' * 300}/page.html", "shorter id"),
            (f"site/{'詩' * 100}.html", "shorter id"),
            ("site/a\0b.html", "correct the path"),
            ("site/a\0b/page.html", "correct the path"),
            ("site/loop/page.html", "move it away"),
        ],
    )
    def test_a_path_that_no_disk_takes_is_reported(
        self, publisher: Publisher, tmp_path: Path, path: str, remedy: str
    ) -> None:
        """A name that is too long, a NUL, a link to itself: each is a failure with a remedy."""
        (tmp_path / "site").mkdir()
        (tmp_path / "site/loop").symlink_to("loop")
        known = Published(path, 1, "d", "i1")

        with pytest.raises(JobError, match="cannot write") as caught:
            publisher.publish(output(b"x", path=path), known)

        assert remedy in caught.value.remedy
        assert [] == left(tmp_path)

    @pytest.mark.parametrize("made", ["chattr", "mount"])
    def test_a_folder_that_cannot_be_written_to_is_reported(
        self, publisher: Publisher, tmp_path: Path, page: Path, made: str
    ) -> None:
        """Even root is refused, and the report says what to do; the old page stays."""
        folder = str(tmp_path / "site")
        close, open_ = {
            "chattr": (["chattr", "-R", "+i", folder], ["chattr", "-R", "-i", folder]),
            "mount": (["mount", "--bind", "-o", "ro", folder, folder], ["umount", folder]),
        }[made]
        if (
            shutil.which(close[0]) is None
            or subprocess.run(close, capture_output=True, check=False).returncode
        ):
            pytest.skip(f"{close[0]} is not allowed here")
        try:
            if os.access(folder, os.W_OK) and made == "mount":
                pytest.skip("this mount is not read-only")
            with pytest.raises(JobError, match="cannot write") as caught:
                publisher.publish(output(b"new"), None)
        finally:
            subprocess.run(open_, check=True)

        assert re.search("permission|mount the disk", caught.value.remedy)
        assert (b"old", ["site/a/page.html"]) == (page.read_bytes(), left(tmp_path))

    def test_a_folder_is_no_file_of_its_size(self, publisher: Publisher, tmp_path: Path) -> None:
        """A folder that happens to have the noted size is not taken for the file."""
        folder = tmp_path / "site/a/page.html"
        folder.mkdir(parents=True)
        known = Published("site/a/page.html", folder.stat().st_size, "d", "i1")

        with pytest.raises(JobError):
            publisher.publish(output(b"x"), known)

    def test_a_file_where_a_folder_should_be_is_reported(
        self, publisher: Publisher, tmp_path: Path
    ) -> None:
        """A file in the place of a folder is a failure with a remedy, and stays."""
        (tmp_path / "site").mkdir()
        (tmp_path / "site" / "a").write_text("a person's")

        with pytest.raises(JobError, match="cannot write") as caught:
            publisher.publish(output(b"x"), None)

        assert caught.value.remedy
        assert ["site/a"] == left(tmp_path)


class TestOutside:
    """Nothing is written outside the allowed folders."""

    @staticmethod
    def link(root: Path, name: str, target: str) -> None:
        """Make `name` a link to the folder `target`."""
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / target).mkdir(parents=True, exist_ok=True)
        (root / name).symlink_to(root / target)

    @pytest.mark.parametrize(
        ("path", "prepare"),
        [
            ("poems.json", lambda _: None),
            ("templates/x.html", lambda _: None),
            ("site/../x.html", lambda _: None),
            ("site/../../x.html", lambda _: None),
            ("site/a/../../x.html", lambda _: None),
            ("sites/x.html", lambda _: None),
            ("/tmp/x.html", lambda _: None),
            ("site/link/x.html", lambda root: TestOutside.link(root, "site/link", "outside")),
            ("site/a/link/b/x.html", lambda root: TestOutside.link(root, "site/a/link", "outside")),
            ("site/up/x.html", lambda root: TestOutside.link(root, "site/up", ".")),
        ],
    )
    def test_a_path_that_leads_out_is_refused(
        self, publisher: Publisher, tmp_path: Path, path: str, prepare: Callable[[Path], Any]
    ) -> None:
        """Neither .. nor a link nor a like name takes a file out of the folders."""
        prepare(tmp_path)

        with pytest.raises(JobError, match="outside the project's output") as caught:
            publisher.publish(output(b"x", path=path), None)

        assert "remove the link" in caught.value.remedy
        assert [] == left(tmp_path)

    def test_a_dangling_link_is_not_followed(self, publisher: Publisher, tmp_path: Path) -> None:
        """A folder is not made where a link leads that leads nowhere yet."""
        (tmp_path / "site").mkdir()
        (tmp_path / "site/a").symlink_to(tmp_path / "outside")

        with pytest.raises(JobError, match="outside the project's output"):
            publisher.publish(output(b"x"), None)

        assert not (tmp_path / "outside").exists()

    def test_an_output_folder_that_is_a_link_is_followed(
        self, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
    ) -> None:
        """A person may let the whole output folder lie elsewhere."""
        elsewhere = tmp_path_factory.mktemp("elsewhere")
        (tmp_path / "site").symlink_to(elsewhere)

        Publisher(tmp_path, ("site",), 1).publish(output(b"x"), None)

        assert ["a/page.html"] == left(elsewhere)

    def test_links_within_the_folders_are_followed(
        self, publisher: Publisher, tmp_path: Path
    ) -> None:
        """A link that stays inside leads nowhere bad."""
        self.link(tmp_path, "site/a", "site/real")

        publisher.publish(output(b"x"), None)

        assert ["site/real/page.html"] == left(tmp_path)
