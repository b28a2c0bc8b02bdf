"""What all views do."""

from __future__ import annotations

import io
from typing import Any

from views.runs import FakeRun

from ledger.views.plain import PlainView


def test_reader_that_left(tmp_path: Any) -> None:
    """A pipe that nobody reads any more does not stop the run."""

    class Closed(io.StringIO):
        def write(self, _: str) -> int:
            raise BrokenPipeError

    view, run = PlainView(Closed()), FakeRun(tmp_path)
    view(run)  # type: ignore[arg-type]
    view.close(run)  # type: ignore[arg-type]
