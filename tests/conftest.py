"""What all tests share: the folder `tests` is importable, so that helpers can be."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
