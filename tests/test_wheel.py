"""The wheel, installed elsewhere, builds the demo: templates and migrations travel inside it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CLONE = Path(__file__).resolve().parents[1]


@pytest.mark.slow
def test_the_installed_wheel_builds_a_site(tmp_path):
    """In a clean environment, with nothing of the clone on its path."""
    wheels, venv, project = tmp_path / "wheels", tmp_path / "venv", tmp_path / "project"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    build = [*pip, "wheel", "--no-deps", "--no-build-isolation", "--wheel-dir", wheels, CLONE]
    subprocess.run(build, check=True)
    # without pip of its own, and without bytecode, which is compiled when it is needed: half the time
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    into = ["--python", venv / "bin" / "python", "install", "--no-compile"]
    (wheel,) = wheels.glob("ledger-*.whl")
    install = [*pip, *into, "--constraint", CLONE / "constraints.txt", wheel]
    subprocess.run(install, check=True)
    project.mkdir()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}

    for arguments in (["init"], ["spawn", "2"]):
        subprocess.run([venv / "bin" / "ledger", *arguments], cwd=project, env=clean, check=True)

    assert (project / "site" / "index.html").is_file()
    assert (project / "site" / "style.css").is_file()
