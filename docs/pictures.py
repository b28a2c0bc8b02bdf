"""Make the pictures of the README from real builds; run by hand.

    .venv/bin/python docs/pictures.py

`pictures/live.svg` is a frame of `ledger spawn` on a terminal of 80 columns and 24 lines, and
`pictures/page.png` a ranking page of the starter corpus in Debian's chromium.
"""

from __future__ import annotations

import fcntl
import io
import json
import os
import pty
import random
import re
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

HOME = Path(__file__).resolve().parents[1]
PICTURES = HOME / "docs" / "pictures"
STARTER = HOME / "templates" / "starter" / "poems.json"
LEDGER = [sys.executable, "-m", "ledger"]

COLUMNS, LINES = 80, 24
WORKERS = 6
DOCUMENTS = 1500
SHARE_DONE = 35
"""The frame shown has at least this percentage of all jobs done."""

PAGE = "similar/workshop/15.html"
PAGE_SIZE = (1000, 760)
CHROMIUM = """chromium --headless --no-sandbox --disable-gpu --no-first-run --hide-scrollbars
--disable-background-networking --disable-component-update --disable-sync
--disable-dev-shm-usage""".split()
MOST_BYTES = 200_000

# What rich's Live writes before it draws a frame again: carriage return, erase line, cursor up.
REDRAW = re.compile(r"\r(?:\x1b\[\d*[AK])+")
CONTROL = re.compile(r"\x1b\[\??[\d;]*[A-Zhl]")
FONT_FACE = re.compile(r"@font-face \{\{.*?\}\}\s*", re.DOTALL)
FONTS = 'ui-monospace, "DejaVu Sans Mono", Menlo, Consolas, monospace'


def main() -> None:
    """Build in a temporary folder, and write both pictures."""
    PICTURES.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        live, starter = Path(folder) / "live", Path(folder) / "starter"
        picture_live_view(live)
        picture_page(starter, Path(folder) / "profile")


# -- the live view --------------------------------------------------------------------------


def picture_live_view(project: Path) -> None:
    """Record a build of a longer corpus, and keep one frame of it."""
    project.mkdir()
    (project / "poems.json").write_text(json.dumps(longer_corpus()), encoding="utf-8")
    subprocess.run([*LEDGER, "init", "poems.json"], cwd=project, check=True)
    frame = frame_at(record([*LEDGER, "spawn", str(WORKERS)], project), SHARE_DONE)
    command = f"\x1b[2m$\x1b[0m ledger spawn {WORKERS}\n"
    (PICTURES / "live.svg").write_text(as_svg(command + frame), encoding="utf-8")


def longer_corpus() -> list[dict[str, object]]:
    """Texts of which each takes its lines from three poems of the starter."""
    poems = json.loads(STARTER.read_text(encoding="utf-8"))["poems"]
    lines = [[line for line in poem["content"].splitlines() if line] for poem in poems]
    chance = random.Random(1)  # noqa: S311  the same corpus every time
    corpus: list[dict[str, object]] = []
    for number in range(1, DOCUMENTS + 1):
        drawn = [line for poem in chance.sample(lines, 3) for line in poem]
        chance.shuffle(drawn)
        category = chance.choice(poems)["category"]
        corpus.append({"id": number, "category": category, "content": "\n".join(drawn)})
    return corpus


def record(command: list[str], folder: Path) -> str:
    """Run a command on a terminal of its own, and return everything that it writes there."""
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(folder)
        size = struct.pack("HHHH", LINES, COLUMNS, 0, 0)
        fcntl.ioctl(sys.stdout.fileno(), termios.TIOCSWINSZ, size)
        environment = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "", "NO_COLOR": ""}
        os.execve(command[0], command, environment)  # noqa: S606
    parts = []
    while True:
        try:
            part = os.read(terminal, 65_536)
        except OSError:  # Linux: the other end has closed
            break
        if not part:
            break
        parts.append(part)
    os.waitpid(child, 0)
    return b"".join(parts).decode("utf-8", "replace").replace("\r\n", "\n")


def frame_at(recorded: str, percent: int) -> str:
    """A frame with that much of the total done, with a time left if there is one; no control codes."""
    frames = [CONTROL.sub("", frame).rstrip() for frame in REDRAW.split(recorded)]
    later = [frame for frame in frames if _share(frame) >= percent]
    return next((frame for frame in later if _has_time_left(frame)), later[0])


def _has_time_left(frame: str) -> bool:
    """Whether the estimate of the time left is shown: there is none in the first seconds."""
    return bool(re.search(r"(about|at least) .* left", frame))


def _share(frame: str) -> int:
    """The percentage on the line of the total; -1 if the frame has no such line."""
    found = re.search(r"total.* (\d+) %", re.sub(r"\x1b\[[\d;]*m", "", frame))
    return int(found[1]) if found else -1


def as_svg(frame: str) -> str:
    """A terminal window with that text, with no font to load."""
    console = Console(record=True, width=COLUMNS, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(frame))
    code_format = FONT_FACE.sub("", CONSOLE_SVG_FORMAT)
    code_format = re.sub(r"font-family: Fira Code, monospace", f"font-family: {FONTS}", code_format)
    return console.export_svg(
        title="poems", theme=MONOKAI, code_format=code_format, unique_id="live"
    )


# -- the page -------------------------------------------------------------------------------


def picture_page(project: Path, profile: Path) -> None:
    """Build the starter, and take a picture of one of its ranking pages."""
    project.mkdir()
    for arguments in (["init"], ["spawn", "2", "--quiet"]):
        subprocess.run([*LEDGER, *arguments], cwd=project, check=True)
    picture = PICTURES / "page.png"
    width, height = PAGE_SIZE
    page = (project / "site" / PAGE).resolve(strict=True).as_uri()
    options = [f"--user-data-dir={profile}", f"--window-size={width},{height}"]
    subprocess.run(
        [*CHROMIUM, *options, f"--screenshot={picture}", page],
        check=True, timeout=120, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    if picture.stat().st_size > MOST_BYTES:
        sys.exit(f"{picture.name} has more than {MOST_BYTES:,} bytes")


if __name__ == "__main__":
    main()
