"""`python -m chaos.holder LEDGER SEED`: holds one of its locks for 1 to 4 s, again and again."""

from __future__ import annotations

import fcntl
import sys
import time
from pathlib import Path
from random import Random

from ledger.store.connection import sqlite3


def main() -> None:
    """Take and release locks until this process is killed."""
    path, random = Path(sys.argv[1]), Random(sys.argv[2])
    while True:
        seconds = random.uniform(1.0, 4.0)
        if random.random() < 0.5:
            with path.with_name("write-lock").open("a") as file:
                fcntl.flock(file, fcntl.LOCK_EX)
                time.sleep(seconds)
        else:
            connection = sqlite3.connect(path, timeout=60, isolation_level=None)
            connection.execute("BEGIN IMMEDIATE")
            time.sleep(seconds)
            connection.execute("ROLLBACK")
            connection.close()
        print("held", flush=True)  # noqa: T201
        time.sleep(random.uniform(0.3, 1.0))


if __name__ == "__main__":
    main()
