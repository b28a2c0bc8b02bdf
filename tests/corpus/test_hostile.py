"""Hostile corpora, which try to hang, exhaust or deceive the reader: refused with a remedy."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ledger.corpus import corpus_files, read_corpus
from ledger.corpus.files import ALWAYS_UNPACKED, MAX_PROBLEMS, decode_lines, read_bytes
from ledger.corpus.settings import CorpusSettings
from ledger.corpus.tables import parse_toml
from ledger.errors import BadInputError, Problem
from ledger.project.load import load_project, parse_project

SECONDS = 2.0  # for any of these, on a machine that does other things too: most take 0.1
LAUGHS = "a: &a [x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{chr(ord(name) - 1)}'] * 9)}]\n"
    for name in map(chr, range(ord("b"), ord("x")))
)
MEMBER = gzip.compress(b"")


def _write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def _problems(path: Path) -> list[Problem]:
    """Return the problems of a corpus, which must be complete, short and reported in time."""
    started = time.process_time()
    with pytest.raises(BadInputError) as caught:
        read_corpus(path, CorpusSettings())
    assert time.process_time() - started < SECONDS
    assert all(item.where and item.what and item.remedy for item in caught.value.problems)
    assert len(str(caught.value)) < 500 * len(caught.value.problems)
    return list(caught.value.problems)


def _whats(path: Path) -> list[str]:
    return [problem.what for problem in _problems(path)]


def _record(**fields: object) -> str:
    return json.dumps({"id": 1, "content": "x", **fields})


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("[" * 10_000, "is JSON nested too deeply to read"),
        ("[" * 10_000 + "]" * 10_000, "is JSON nested too deeply to read"),
        ("[" * 1_000_000, "is JSON nested too deeply to read"),
        ('{"a":' * 1_000_000, "is JSON nested too deeply to read"),
        ('{"id":1e999,"content":"x"}', "id is a decimal number, not text or a whole number"),
        ('{"id":NaN,"content":"x"}', "id is a decimal number, not text or a whole number"),
        ('{"id":-Infinity,"content":"x"}', "id is a decimal number, not text or a whole number"),
        (f'{{"id":1{"0" * 5000}}}', "holds a number of too many digits to read"),
        (f'{{"id":1{"0" * 1_000_000}}}', "holds a number of too many digits to read"),
        (f'{{"id":1{"0" * 4000},"content":"x"}}', "id has 4,001 bytes, more than any id needs"),
        (_record(content="\udfff"), "content has the unpaired surrogate U+DFFF at character 1"),
        ('{"id":1,"content":"a","content":"b"}', "the field content occurs twice"),
        ('{"id":1,"id":2,"content":"a"}', "the field id occurs twice"),
        ('{"id":1,"a\\u001b":1,"a\\u001b":2,"content":""}', r"the field a\x1b occurs twice"),
        (_record(title="x" * 10_001), "title has 10,001 bytes, more than the 10,000 allowed"),
        (_record(author="é" * 5_001), "author has 10,002 bytes, more than the 10,000 allowed"),
        (_record(source="x" * 10_001), "source has 10,001 bytes, more than the 10,000 allowed"),
        (_record(date="1" * 1_000_000), f"date is {'1' * 40!r}, not a date"),
    ],
)
def test_a_bad_record_is_refused(tmp_path: Path, content: str, what: str) -> None:
    """A record made to crash the reader is reported like any other invalid one."""
    assert what == _whats(_write(tmp_path, "p.jsonl", content))[0]


@pytest.mark.parametrize("blank", [" ", "\u200b", "\u202e\u2066\ufeff", "\x85\u3000\n"])
def test_what_cannot_be_seen_is_not_there(tmp_path: Path, blank: str) -> None:
    """A title without a visible character counts as missing: its link could not be clicked."""
    (document,) = read_corpus(
        _write(tmp_path, "p.jsonl", _record(title=blank, source=blank)), CorpusSettings()
    )

    assert ("", "", "x") == (document.title, document.source, document.label)
    assert ["content is empty, and there is no title"] == _whats(
        _write(tmp_path, "blank.jsonl", _record(title=blank, content=blank))
    )
    assert ["id is empty"] == _whats(_write(tmp_path, "id.jsonl", _record(id=blank)))


def test_an_enormous_text_is_not_searched(tmp_path: Path) -> None:
    """An oversized text is searched for bad characters only up to the limit."""
    limit = CorpusSettings().max_document_bytes
    late, early = _record(content="x" * limit + "\0"), _record(content="\0" + "x" * limit)
    title = _record(title="x" * 10_000 + "\0")

    assert 1 == len(_problems(_write(tmp_path, "late.jsonl", late)))
    assert 1 == len(_problems(_write(tmp_path, "title.jsonl", title)))
    assert 2 == len(_problems(_write(tmp_path, "early.jsonl", early)))


def test_a_list_of_poems_that_is_there_twice_is_refused(tmp_path: Path) -> None:
    """A repeated list is reported, instead of one silently hiding the other."""
    path = _write(tmp_path, "p.json", '{"poems": [{"id": 1, "content": "a"}], "poems": []}')

    assert ["has 'poems' twice"] == _whats(path)


def test_a_million_problems_are_counted(tmp_path: Path) -> None:
    """A million problems are counted, and only the first are listed."""
    whats = _whats(_write(tmp_path, "p.json", f"[{'0,' * 50_000}0]"))

    assert MAX_PROBLEMS + 1 == len(whats)
    assert "has 49,001 more problems" == whats[-1]


@pytest.mark.parametrize("name", ["p.json", "p.jsonl"])
def test_many_lines_that_are_not_utf8_are_counted(tmp_path: Path, name: str) -> None:
    """If every line has a bad byte, the first thousand are named."""
    problems = _problems(_write(tmp_path, name, b"\xff\n" * 5_000))

    assert MAX_PROBLEMS <= len(problems) <= MAX_PROBLEMS + 1
    assert MAX_PROBLEMS == len(decode_lines(b"\xff\n" * 5_000, name)[1])
    assert 1 == len(decode_lines(b"\xff\n" * 5_000, name, most=1)[1])


@pytest.mark.parametrize("name", ["p.json.gz", "p.jsonl.gz"])
@pytest.mark.parametrize("filler", [b" ", b"[],", b"\n"])
def test_a_gzip_bomb_is_noticed_before_it_goes_off(
    tmp_path: Path, name: str, filler: bytes
) -> None:
    """Decompression of a bomb stops after the first 64 MB."""
    piece = gzip.compress(filler * (ALWAYS_UNPACKED // 4 // len(filler)), 1)
    path = _write(tmp_path, name, piece * 5)

    assert ["expands to more than 200 times its size, which no text does"] == _whats(path)


def test_a_gzip_file_of_many_members_takes_time_in_proportion(tmp_path: Path) -> None:
    """Many gzip members are read fast (`gzip.decompress` copies the rest for each: a minute)."""
    path = _write(tmp_path, "p.jsonl.gz", MEMBER * 60_000 + gzip.compress(_record().encode()))
    started = time.process_time()

    assert 1 == len(read_corpus(path, CorpusSettings()))
    assert time.process_time() - started < 2 * SECONDS


def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    """A pipe instead of a file is refused at once."""
    os.mkfifo(tmp_path / "a.md")
    os.mkfifo(tmp_path / "p.json")

    assert ["is a pipe or a device, not a file"] == _whats(tmp_path)
    assert ["is a pipe or a device, not a file"] == _whats(tmp_path / "p.json")


def test_a_device_is_not_read(tmp_path: Path) -> None:
    """A link to an endless device is refused at once."""
    (tmp_path / "p.json").symlink_to("/dev/zero")

    assert ["is a pipe or a device, not a file"] == _whats(tmp_path / "p.json")


def test_a_file_larger_than_the_memory_is_refused(tmp_path: Path) -> None:
    """A sparse file of 64 GB is refused."""
    with (tmp_path / "p.json").open("wb") as file:
        file.truncate(1 << 36)
    code = (
        "import sys; from pathlib import Path; from ledger.corpus.files import read_bytes\n"
        "print(read_bytes(Path(sys.argv[1]), 'p.json').what)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "p.json")],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (1 << 32, 1 << 32)),
        capture_output=True, text=True, check=True,
    )  # fmt: skip

    assert "does not fit in memory\n" == done.stdout


def test_a_note_with_a_hole_is_not_read(tmp_path: Path) -> None:
    """An oversized note is not opened; excluding it helps."""
    with (tmp_path / "a.md").open("wb") as file:
        file.truncate(1 << 36)
    _write(tmp_path, "b.md", "Hello")

    assert ["has 68,719,476,736 bytes, more than the 1,000,000 allowed"] == _whats(tmp_path)
    assert 1 == len(read_corpus(tmp_path, CorpusSettings(exclude=("notes/a",))))


@pytest.mark.parametrize("target", ["/etc/hostname", "../secret", "loop.md", "/nowhere"])
def test_a_note_that_is_a_link_to_elsewhere_is_not_read(tmp_path: Path, target: str) -> None:
    """An untrusted corpus cannot publish files outside of it through links."""
    _write(tmp_path, "secret", "the secret")
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "loop.md").symlink_to(target)

    (problem,) = _problems(folder)

    assert "secret" not in str(problem)
    assert problem.what in {
        "is a link that leads out of the corpus",
        "cannot be read: Too many levels of symbolic links",
    }


def test_a_note_that_is_a_link_within_is_read(tmp_path: Path) -> None:
    """A link from note to note is followed, also if the folder itself is a link."""
    (tmp_path / "real").mkdir()
    _write(tmp_path / "real", "a.md", "Hello")
    (tmp_path / "real" / "b.md").symlink_to("a.md")
    (tmp_path / "notes").symlink_to("real")

    assert 2 == len(read_corpus(tmp_path / "notes", CorpusSettings()))


@pytest.mark.parametrize("name", ["x" * 300 + ".json", "x/" * 3000 + "p.json"])
def test_a_path_that_no_disk_takes_is_refused(tmp_path: Path, name: str) -> None:
    """A name that is too long is reported with its cause, by both functions that check it."""
    for look in (corpus_files, lambda path: read_corpus(path, CorpusSettings())):
        with pytest.raises(BadInputError) as caught:
            look(tmp_path / name)
        assert "cannot be looked at: File name too long" == caught.value.problems[0].what


def test_a_file_name_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Escape sequences and bidirectional control characters are escaped."""
    _write(tmp_path, "\x1b[2J\u202e\n.md", "Hello")

    (problem,) = _problems(tmp_path)

    assert r"\x1b[2J\u202e\n.md line 1" == problem.where


@pytest.mark.parametrize(
    ("front", "what"),
    [
        (f"{LAUGHS}title: *w", "title is a list, not text"),
        ("title: !!python/object/apply:os.system [x]", "title is a list, not text"),
        ("title: !!python/object:os.system {a: x}", "title is a table, not text"),
        ("title: *nobody", "front matter is not YAML: found undefined alias"),
        ('title: "\\0"', "title has U+0000 (NUL) at character 1"),
        ("title: x\n" * 100_000, "front matter has 900,001 characters, more than 10,000"),
        ("title: x\n" * 2_222_222, "has 20,000,008 bytes, more than the 1,000,000 allowed"),
    ],
)
def test_hostile_yaml_is_refused(tmp_path: Path, front: str, what: str) -> None:
    """Bombs and objects in YAML are refused as invalid titles."""
    assert what == _whats(_write(tmp_path, "a.md", f"---\n{front}\n---\nx").parent)[0]


@pytest.mark.parametrize(
    "front", ["[" * 4_999, "{a: " * 2_400, "- " * 4_999, "? " * 4_999, "&a " * 3_000, "'" * 9_999]
)
def test_nested_yaml_is_survived(tmp_path: Path, front: str) -> None:
    """The deepest nesting that front matter allows is read, in every form."""
    _write(tmp_path, "b.md", "Hello")
    _write(tmp_path, "a.md", f"---\nx: {front}\n---\nx")

    try:
        read_corpus(tmp_path, CorpusSettings())
    except BadInputError as error:
        assert all(problem.where.startswith("a.md line") for problem in error.problems)


def test_nothing_in_yaml_is_executed(tmp_path: Path) -> None:
    """YAML tags have no effect: the value is the literal text."""
    marker = tmp_path / "executed"
    tag = "!!python/object/apply:os.system"
    _write(
        tmp_path, "a.md", f"---\ntitle: {tag} 'touch {marker}'\nx: {tag} ['touch {marker}']\n---\n"
    )

    (document,) = read_corpus(tmp_path, CorpusSettings())

    assert f"touch {marker}" == document.title
    assert not marker.exists()


def test_of_a_title_that_is_there_twice_the_last_counts(tmp_path: Path) -> None:
    """The last of repeated keys counts in YAML; four posts of ruby-lang.org rely on it."""
    _write(tmp_path, "a.md", "---\ntitle: Hello\ntitle: Bonjour\n---\nx")

    assert "Bonjour" == read_corpus(tmp_path, CorpusSettings())[0].title


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x = " + "[" * 4_900, "nested too deeply to read"),
        ("x = " + "{a = " * 1_500, "nested too deeply to read"),
        ("x = " + "9" * 5_000, "a number of too many digits to read"),
        (".".join("a" * 4_900) + " = 1", "a key of more than 100 parts (at line 1)"),
        (f"\n[{' . '.join(['b-1'] * 102)}]", "a key of more than 100 parts (at line 2)"),
        ('\'a \'."b\\"." .' * 51 + "c = 1", "a key of more than 100 parts (at line 1)"),
    ],
)
def test_hostile_toml_is_refused(text: str, what: str) -> None:
    """Each bomb in TOML raises a ValueError that describes it."""
    with pytest.raises(ValueError, match=re.escape(what)):
        parse_toml(text)


@pytest.mark.parametrize(
    "text",
    [
        '"' + "\\\"" * 150_000, '"' * 300_000, "'" * 299_999, "a" * 300_000, "a." * 99 + "=" * 9_999,
        ("a." * 99 + " ") * 1_500, "\\" * 300_000, 'a"b' * 100_000, "a" + " " * 300_000,
        "".join(f"k{number}=1\n" for number in range(30_000)), "x='''" + "a\n" * 140_000,
    ],
    ids=range(11),
)  # fmt: skip
@pytest.mark.slow  # measured, tracing takes longer than the limit
def test_no_settings_take_long(tmp_path: Path, text: str) -> None:
    """Neither the TOML parser nor the search for long keys is slow on any input."""
    started = time.process_time()
    with pytest.raises(BadInputError):
        parse_project(tmp_path, text)

    assert time.process_time() - started < SECONDS


def test_many_dots_in_texts_are_fine() -> None:
    """Only the parts of keys are counted, not ellipses, versions or lists of names."""
    words = ", ".join(['"x.y"', "'q.r'"] * 150)
    text = f'a = "{"." * 500}"\nb = ["1.2.3", {words}]\nc = 1.5'

    assert 1.5 == parse_toml(text)["c"]


def test_settings_of_any_size_are_not_read(tmp_path: Path) -> None:
    """Settings of 64 GB are refused by their size, without being read."""
    with (tmp_path / "ledger.toml").open("wb") as file:
        file.truncate(1 << 36)
    with pytest.raises(BadInputError) as caught:
        load_project(tmp_path)

    assert "has more than 300,000 bytes" == caught.value.problems[0].what


def test_settings_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    """Settings that are not a readable file, such as a folder, are refused."""
    (tmp_path / "ledger.toml").mkdir()
    with pytest.raises(BadInputError) as caught:
        load_project(tmp_path)

    assert "cannot be read: Is a directory" == caught.value.problems[0].what


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("[workers]\nlease_seconds = nan", "is nan"),
        ("[workers]\nlease_seconds = inf", "is inf"),
        ("[embedding]\ntimeout = nan", "is nan"),
        ("[embedding]\ntimeout = 1e999", "is inf"),
        ("[embedding]\ndimension = -1", "is -1"),
        ("[workers]\nmax_attempts = 99999999999999999999", "is a number of more than 64 bits"),
        (f"[words]\ncount = 1{'0' * 4000}", "is a number of more than 64 bits"),
        (f"[site]\ntitle = 0x{'f' * 9000}", "is an enormous number"),
        (f"[pages]\ndepth = '{'x' * 9000}'", f"is '{'x' * 59}…"),
        (f"[pages]\ndepth = [{'1,' * 9000}]", "is a list"),
        ('[site]\ntitle = "\\u001b[2J"', "has U+001B, which no HTML page may hold at character 1"),
        ('[themes]\n"\\u0000" = "x"', "has U+0000 (NUL) at character 1"),
        (
            '[words]\nstop_words = ["a", "\\uFFFF"]',
            "has U+FFFF, which no HTML page may hold at character 1",
        ),
        ('[corpus]\npath = "a\\u0000"', "has U+0000 (NUL) at character 2"),
        ("[site]\nlanguage = '\"><script>'", "is '\"><script>'"),
    ],
)
def test_a_setting_that_nothing_can_hold_is_refused(tmp_path: Path, text: str, what: str) -> None:
    """Extreme numbers and texts in settings are refused when they are loaded, not later."""
    with pytest.raises(BadInputError) as caught:
        parse_project(tmp_path, text)

    assert [what] == [problem.what for problem in caught.value.problems]


def test_only_the_first_of_many_mistakes_are_guessed_at(tmp_path: Path) -> None:
    """Suggestions for thousands of unknown settings do not take long."""
    with pytest.raises(BadInputError) as caught:
        parse_project(tmp_path, "".join(f"site{number} = 1\n" for number in range(200)))

    remedies = [problem.remedy for problem in caught.value.problems]
    assert "did you mean site?" == remedies[0] == remedies[99]
    assert remedies[100].startswith("known here: site")


def test_a_setting_cannot_write_to_the_terminal(tmp_path: Path) -> None:
    """Control characters in the name of an unknown setting are escaped."""
    with pytest.raises(BadInputError) as caught:
        parse_project(tmp_path, '"\\u001b[2J\\u202e" = 1')

    assert r"ledger.toml \x1b[2J\u202e" == caught.value.problems[0].where


@pytest.mark.parametrize(
    "output",
    [
        "..", "../x", "a/../b", "a/../../b", "", ".", "/", "/etc", "a\\b", "C:x", "a*", "a.", "a ",
        "...", "con", "NUL.txt", "x/aux", ".ledger", ".LEDGER/x", "Templates", ".Git", ".gi\u200ct",
        ".ｌedger", "a\u202eb", "\u2066", "x" * 256, "詩" * 86, "a/" * 200, "loop", "loop/x", "\ufeffa",
    ],
)  # fmt: skip
def test_an_output_folder_that_is_none_everywhere_is_refused(tmp_path: Path, output: str) -> None:
    """The output must be a folder of the project, on every operating system."""
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(BadInputError) as caught:
        parse_project(tmp_path, f"[site]\noutput = {json.dumps(output)}")

    (problem,) = caught.value.problems
    assert "ledger.toml site.output" == problem.where
    assert problem.what.isprintable()


@pytest.mark.parametrize("output", ["site", "a/b", "./x", "public html", "詩", ".site", "é"])
def test_an_honest_output_folder_is_fine(tmp_path: Path, output: str) -> None:
    """Folders in any language, hidden folders and nested folders are accepted as output."""
    assert parse_project(tmp_path, f"[site]\noutput = {json.dumps(output)}").output


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    """A folder with the name of a file is refused as unreadable."""
    problem = read_bytes(tmp_path, "p.json")

    assert isinstance(problem, Problem)
    assert "cannot be read: Is a directory" == problem.what
