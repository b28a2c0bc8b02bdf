"""The starter site, built once by the real command."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(scope="session")
def starter_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the pages that `ledger init` and `ledger spawn 2` make in an empty folder."""
    project = tmp_path_factory.mktemp("starter")
    for arguments in (["init"], ["spawn", "2"]):
        done = subprocess.run(
            [sys.executable, "-m", "ledger", *arguments],
            cwd=project, capture_output=True, text=True, timeout=180, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
    return project / "site"
