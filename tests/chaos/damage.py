"""Ways to spoil a file behind everybody's back."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

OF_ANOTHER_SIZE = ("delete", "empty", "truncate", "lengthen")
OF_THE_SAME_SIZE = ("flip", "zero", "zero the end")


def spoil(path: Path, way: str, random: Random) -> None:
    """Damage one file; what is not there any more is left alone."""
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return
    place = random.randrange(max(1, len(data)))
    if way == "delete":
        path.unlink(missing_ok=True)
    elif way == "empty":
        path.write_bytes(b"")
    elif way == "truncate":
        path.write_bytes(data[:place])
    elif way == "lengthen":
        path.write_bytes(data + b"\0" * (1 + place))
    elif way == "flip":
        path.write_bytes(data[:place] + bytes([data[place] ^ 1 << place % 8]) + data[place + 1 :])
    elif way == "zero":
        path.write_bytes(bytes(len(data)))
    elif way == "zero the end":
        path.write_bytes(data[:place] + bytes(len(data) - place))


def files(folder: Path) -> list[Path]:
    """All files below a folder, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file())


Stamps = dict[str, tuple[int, int]]


def stamps(folder: Path) -> Stamps:
    """(inode, modification time) of every file, to see which were written."""
    found = {str(path.relative_to(folder)): path.stat() for path in files(folder)}
    return {name: (facts.st_ino, facts.st_mtime_ns) for name, facts in found.items()}
