"""`python -m worker`: one worker process, as the coordinator starts it."""

from __future__ import annotations

# First: a harness that is named in LEDGER_CHAOS wraps modules as they are imported.
import ledger.process.fault_points  # noqa: F401  isort: skip
from worker.main import main

if __name__ == "__main__":
    main()
