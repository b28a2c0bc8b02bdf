"""`python -m worker`: one worker process, as the coordinator starts it."""

from __future__ import annotations

from worker.main import main

if __name__ == "__main__":
    main()
