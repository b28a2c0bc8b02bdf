"""What is told of queues afterwards: export, report, metrics, and the ledger as a database."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from queues.conftest import Queues

from ledger.files import resource
from ledger.project.load import load_project
from ledger.views import charts, export
from ledger.views.causes import cause_of
from ledger.views.format import in_seconds, legible
from ledger.views.metrics import Family, Sample
from ledger.views.report import write_report

if TYPE_CHECKING:
    from collections.abc import Iterator

SCHEMA = Path(__file__).resolve().parents[2] / "docs" / "schema.md"
ODD = "\udcff.txt"
"""A file name that is no text, as Python has it."""


class Server(BaseHTTPRequestHandler):
    """Answers with text or JSON; /busy is refused once."""

    refused = False

    def do_GET(self) -> None:
        """Answer."""
        if self.path == "/busy" and not Server.refused:
            Server.refused = True
            return self.answer(429, "text/plain", b"slower", {"Retry-After-Ms": "10"})
        body, sort = (
            (b'{"a": [1]}', "application/json") if self.path == "/json" else (b"hm", "text/plain")
        )
        return self.answer(200, sort, body)

    def answer(
        self, status: int, sort: str, body: bytes, more: dict[str, str] | None = None
    ) -> None:
        """Send it."""
        self.send_response(status)
        for name, value in {
            "Content-Type": sort,
            "Content-Length": str(len(body)),
            **(more or {}),
        }.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def worked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Queues]:
    """A project whose jobs were done, but for one that fails."""
    made = Queues(tmp_path_factory.mktemp("receipts"))
    server = ThreadingHTTPServer(("127.0.0.1", 0), Server)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/{{page}}"
    try:
        made.add("echo", "--", "sh", "-c", "echo {}; test {} != 3", ":::", "1", "2", "3")
        made.add(
            "print", "--out", "printed/{key}", "--", "printf", "%s", ":::", "<b>ü", 'a",\n', ODD
        )
        made.add("ask", "--kind", "http", "--url", url, "--matrix", "page=text,json,busy",
                 "--cost", "0.002", "--budget", "1", "--rate", "1000/s", "--adaptive")  # fmt: skip
        made.spawn(2, "--keep-going", expect=1)
        yield made
    finally:
        made.end()
        server.shutdown()
        server.server_close()


def records(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def table(text: str) -> dict[tuple[str, str], dict[str, str]]:
    """The rows of CSV, by queue and key."""
    return {
        (row["queue"], row["key"]): row for row in csv.DictReader(io.StringIO(text, newline=""))
    }


# -- export -----------------------------------------------------------------------------------


def test_export_tells_what_done_jobs_came_to(worked):
    """A line each, in their order, without what is not done."""
    done = records(worked.run("export", "echo", "ask"))

    names = [f"{record['queue']}/{record['key']}" for record in done]
    assert names == ["echo/1", "echo/2", "ask/text", "ask/json", "ask/busy"]
    one, text, busy = done[0], done[2], done[4]
    assert (one["input"], one["result"], one["output"]) == ({"1": "1"}, None, None)
    assert (one["status"], one["stdout"], one["attempts"]) == (0, "1\n", 1)
    assert "stderr" not in one
    assert text["result"]["body"] == "hm"
    assert done[3]["result"]["body"] == {"a": [1]}
    assert (busy["attempts"], busy["money"], busy["uncertain"]) == (2, 0.002, 0)
    assert all(re.fullmatch(r"20\d\d-\d\d-\d\dT[\d:.]+Z", record["settled_at"]) for record in done)


def test_export_of_everything_tells_the_states(worked):
    """What has failed is there too, with what it said."""
    (three,) = [row for row in records(worked.run("export", "--all")) if row["state"] != "done"]

    assert (three["key"], three["state"], three["status"]) == ("3", "failed", 1)


def test_export_keeps_every_text_as_it_was(worked):
    """Signs, new lines, and file names that are no text."""
    rows = records(worked.run("export", "print"))

    assert [row["input"]["1"] for row in rows] == ["<b>ü", 'a",\n', ODD]
    assert rows[0]["output"] == "printed/<b>ü"
    assert worked.read("printed/<b>ü") == "<b>ü"


def test_export_as_csv_has_a_column_a_field(worked):
    """Of inputs and of flat results, over all queues."""
    rows = table(worked.run("export", "--all", "--format", "csv"))

    assert len(rows) == 9
    assert rows["echo", "3"]["state"] == "failed"
    assert rows["echo", "3"]["stdout"] == "3\n"
    assert rows["print", "<b>ü"]["input.1"] == "<b>ü"
    assert any(row["input.1"] == 'a",\n' for row in rows.values())
    text, nested = rows["ask", "text"], rows["ask", "json"]
    assert (text["input.page"], text["result.body"], text["money"]) == ("text", "hm", "0.002")
    assert (text["input.1"], text["result"], text["output"]) == ("", "", "")
    assert json.loads(nested["result"])["body"] == {"a": [1]}


def test_export_reads_page_by_page(worked, monkeypatch, capfdbinary):
    """The same, however many jobs are read at a time."""
    project = load_project(worked.root)
    export.export(project, (), form="csv", everything=True)
    whole = capfdbinary.readouterr().out
    monkeypatch.setattr(export, "PAGE", 2)
    export.export(project, (), form="csv", everything=True)

    assert capfdbinary.readouterr().out == whole


def test_export_refuses_a_queue_that_is_not_there(worked):
    """With those that are."""
    assert "use one of: ask, echo, print" in worked.run("export", "nope", expect=2)


def test_a_reader_who_leaves_is_no_error(worked):
    """As `| head` does."""
    process = worked.start("export", "--all")
    process.stdout.close()

    assert process.stderr.read() == ""
    assert process.wait(60) == 0
    process.stderr.close()


# -- report -----------------------------------------------------------------------------------


def page_of(path: Path) -> str:
    """A report, after it was found to be HTML without an error, and with nothing to load."""
    text = path.read_text("utf-8")
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    for part in tree.iter():
        assert part.tag not in ("script", "link", "img", "iframe", "object", "embed"), part.tag
        assert not {"src", "href", "style", "onclick"} & {str(name) for name in part.attrib}
    style = "".join(part.text for part in tree.iter("style"))
    assert "url(" not in style
    assert "@import" not in style
    return text


def test_the_report_is_one_sound_page(worked, tmp_path):
    """Where it was asked for, and nothing beside it."""
    folder = tmp_path / "here"
    folder.mkdir()

    said = worked.run("report", "-o", folder / "mine.html")

    assert said == f"wrote {folder}/mine.html\n"
    assert [path.name for path in folder.iterdir()] == ["mine.html"]
    page = page_of(folder / "mine.html")
    for name in ("Throughput", "Durations", "Workers", "Failures by cause", "Spend and rates"):
        assert f"<h2>{name}</h2>" in page
    assert "the command ended with exit status 1" in page
    assert "resolved since, 1 failed attempt" in page
    assert "$0.0060 spent of $1.00" in page
    assert page.count("<svg") > 8


def test_the_report_asks_for_nothing_from_elsewhere():
    """Its template knows no address and no script."""
    template = (resource("templates") / "report.html").read_text("utf-8")

    assert "http" not in template
    assert "<script" not in template


def test_the_report_escapes_what_people_typed(worked):
    """Keys are text, never markup."""
    assert worked.run("report") == "wrote .ledger/report.html\n"

    page = page_of(worked.root / ".ledger" / "report.html")
    assert "<b>ü" not in page
    assert "print/&lt;b&gt;ü" in page


def test_an_empty_ledger_has_a_report_too(tmp_path):
    """It says that there is nothing."""
    queues = Queues(tmp_path)
    queues.write("ledger.toml", '[site]\nkind = "bulk"\n')
    queues.run("init")

    write_report(load_project(tmp_path), tmp_path / "report.html", version="1.0")

    page = page_of(tmp_path / "report.html")
    assert "There are no jobs in this ledger." in page
    assert "Nothing has been run yet." in page


def test_no_report_where_there_is_no_folder(worked):
    """Refused, with a remedy."""
    assert "make its folder" in worked.run("report", "-o", "no/such/report.html", expect=2)


@pytest.mark.parametrize(
    ("what", "cause"),
    [
        ("the command ended with exit status 12", "the command ended with exit status 12"),
        ("the command took longer than 30 s", "the command took longer than N s"),
        ("https://a.org/v1/x?y=3 is busy: HTTP 429 in 2.5 s", "a.org/… is busy: HTTP 429 in N s"),
        ("cannot write out/a/b.webp: no room", "cannot write PATH: no room"),
        ("line 3 of ../x.py: KeyError 'foo'", "line N of PATH: KeyError ‘…’"),
        ("poem-12 and/or it isn't there", "… and/or it isn't there"),
        ("digest 0123456789abcdef is not it", "digest N is not it"),
    ],
)
def test_the_same_cause_reads_the_same(what, cause):
    """Numbers, paths, quotations and keys tell jobs apart, not causes."""
    assert cause_of(what, "poem-12") == cause


def test_what_programs_print_is_made_legible():
    """No colours, and signs for what cannot be shown."""
    assert legible("\x1b[1;31mno\x1b[0m\x00\r\n\x07\ud800￿") == "no␀\n␇��"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0.00412, "4.12 ms"), (0.9996, "1 s"), (10, "10 s"), (59.96, "1 min 00 s"), (0.0, "0 ms")],
)
def test_durations_have_digits_that_say_something(seconds, said):
    """Three of them, below a minute."""
    assert in_seconds(seconds) == said


@given(st.lists(st.floats(0, 1e6), min_size=1), st.lists(st.floats(0, 1e6), min_size=1))
def test_every_duration_has_its_bucket(some, more):
    """However short or long, in the same buckets for all."""
    edges = charts.edges_around([*some, *more])

    drawn = charts.distribution(some, edges, "some")

    counts = [int(number.replace(",", "")) for number in re.findall(r"<title>([\d,]+) of", drawn)]
    assert sum(counts) == len(some)


@given(st.floats(0, 1e10))
def test_there_are_never_too_many_bars(span):
    """Over a second or over three hundred years."""
    assert span / charts.stretch_seconds(span) < charts.STRETCHES


# -- metrics ----------------------------------------------------------------------------------

SAMPLE = re.compile(r"([a-z_:][a-z0-9_:]*)(?:\{(.*)\})? (\S+)")
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(?:,|$)')


def parse_metrics(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """The samples, by name and labels, of what is strictly OpenMetrics, and Prometheus's own."""
    assert text.endswith("\n# EOF\n")
    families: dict[str, str] = {}
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    name = told = ""
    for line in text.removesuffix("# EOF\n").splitlines():
        if line.startswith("# HELP "):
            _, _, name, told = line.split(" ", 3)
            assert name not in families
            assert not set(told) & set('"\\')
        elif line.startswith("# TYPE "):
            assert line.split(" ")[2] == name
            families[name] = line.split(" ")[3]
            assert families[name] in ("gauge", "counter")
        else:
            match = SAMPLE.fullmatch(line)
            assert match, line
            assert match[1] == name + ("_total" if families[name] == "counter" else ""), line
            labels = tuple(LABEL.findall(match[2] or ""))
            assert ",".join(f'{key}="{value}"' for key, value in labels) == (match[2] or "")
            assert labels not in found.setdefault(match[1], {}), line
            found[match[1]][labels] = float(match[3])
    assert all(name.startswith("ledger_") for name in found)
    return found


def test_metrics_are_openmetrics(worked):
    """And say what is so."""
    metrics = parse_metrics(worked.run("metrics"))

    of_ask = (("queue", "ask"),)
    echo = (("queue", "echo"), ("kind", "command"))
    assert metrics["ledger_jobs"][*echo, ("state", "done")] == 2
    assert metrics["ledger_jobs"][*echo, ("state", "failed")] == 1
    assert metrics["ledger_attempts_total"][*of_ask, ("outcome", "again")] == 1
    assert metrics["ledger_attempts_total"][*of_ask, ("outcome", "done")] == 3
    assert metrics["ledger_attempt_seconds_total"][*of_ask, ("outcome", "done")] > 0
    assert metrics["ledger_tokens_total"][*of_ask, ("direction", "in")] == 0
    assert metrics["ledger_money_spent_total"][of_ask] == 0.006
    assert metrics["ledger_budget_money"] == {of_ask: 1.0}
    assert metrics["ledger_rate_limit_per_second"] == {of_ask: 1000.0}
    assert 0 < metrics["ledger_rate_pace_ratio"][of_ask] < 1
    assert metrics["ledger_uncertain_jobs"][of_ask] == 0
    assert metrics["ledger_leases"][()] == metrics["ledger_workers_alive"][()] == 0
    assert metrics["ledger_coordinator_alive"][()] == 0
    began = metrics["ledger_last_run_start_timestamp_seconds"][()]
    assert began < metrics["ledger_last_run_end_timestamp_seconds"][()]
    assert "ledger_budget_tokens" not in metrics


def test_metrics_in_a_file_are_the_same(worked, tmp_path):
    """Whole, readable by others, with nothing beside it."""
    worked.run("metrics", "-o", tmp_path / "ledger.prom")

    (path,) = tmp_path.iterdir()
    assert path.read_text("utf-8") == worked.run("metrics")
    assert path.stat().st_mode & 0o444 == 0o444


@given(st.text())
def test_labels_hold_any_text(text):
    """Quotation marks, backslashes and new lines are escaped."""
    (_, _, line) = Family("x", "gauge", "It.", [Sample(1, {"name": text})]).lines()

    ((_, said),) = LABEL.findall(line[line.index("{") + 1 : line.rindex("}")])
    assert re.sub(r"\\(.)", lambda m: {"n": "\n"}.get(m[1], m[1]), said) == text
    assert "\n" not in line


# -- the schema -------------------------------------------------------------------------------

QUERIES = re.findall(r"```sql\n(.*?)```", SCHEMA.read_text("utf-8"), re.DOTALL)


@pytest.mark.parametrize("query", QUERIES)
def test_the_questions_of_the_schema_have_answers(worked, query):
    """Each runs as it stands there, and finds something."""
    assert worked.sql(query)


def test_the_schema_names_every_column(worked):
    """Of all tables and views, each under its own heading."""
    parts = re.split(r"^### `(\w+)`\n", SCHEMA.read_text("utf-8"), flags=re.MULTILINE)
    described = {
        name: set(re.findall(r"`(\w+)`", text.partition("\n## ")[0]))
        for name, text in zip(parts[1::2], parts[2::2], strict=True)
    }
    there = worked.sql(
        "SELECT name FROM sqlite_schema WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite%'"
    )
    assert described.keys() == {name for (name,) in there}
    for name, words in described.items():
        columns = {row[1] for row in worked.sql(f"PRAGMA table_xinfo({name})")}
        assert columns <= words, name
        assert columns


@pytest.mark.skipif(shutil.which("sqlite3") is None, reason="needs Debian's sqlite3")
def test_others_can_read_the_ledger_and_copy_it(worked, tmp_path):
    """With their own SQLite, by the commands of the schema."""
    text = SCHEMA.read_text("utf-8")
    address = "file:.ledger/ledger.db?mode=ro"
    backup = f".backup {tmp_path}/copy.db"
    assert f"sqlite3 '{address}'" in text
    assert "sqlite3 -readonly .ledger/ledger.db '.backup copy.db'" in text
    query = "SELECT count(*) FROM attempt_list"

    def ask(*words: str) -> str:
        command = ["sqlite3", *words]
        done = subprocess.run(command, cwd=worked.root, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    count = ask(address, query)
    ask("-readonly", ".ledger/ledger.db", backup)
    assert count == ask(f"{tmp_path}/copy.db", query) == str(worked.sql(query)[0][0])
