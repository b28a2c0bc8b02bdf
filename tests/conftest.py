"""What all tests share: the folder `tests` is importable, so that helpers can be."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from hypothesis import HealthCheck, settings

# A loaded machine is slow to generate inputs, too, and that says nothing about the code.
settings.register_profile("ledger", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("ledger")

sys.path.insert(0, str(Path(__file__).resolve().parent))

# A shell that starts us in the background has Ctrl+C ignored, and all that we start would inherit
# that; what has a handler of its own is given back to processes that are started.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
