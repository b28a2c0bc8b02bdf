"""The command line's manners."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from ledger.cli.main import main


@pytest.mark.parametrize("command", [[], ["init"], ["spawn"], ["status"], ["retry"]])
def test_help_has_examples_and_touches_nothing(command, tmp_path, monkeypatch):
    """`--help` works everywhere, shows how to use it, and leaves the folder empty."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, [*command, "--help"])

    assert result.exit_code == 0
    assert "ledger " in result.output.split("Usage:")[1].split("\n", 1)[1]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["spawn", "0"],
        ["spawn", "--limit", "0"],
        ["retry"],
        ["retry", "--all"],
        ["nope"],
        ["spawn", "--nope"],
    ],
)
def test_usage_errors_exit_with_2(arguments, tmp_path, monkeypatch):
    """And say how it goes."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, arguments)

    assert result.exit_code == 2
    assert (
        "--help" in result.output or "say which" in result.output or "--all goes" in result.output
    )


def test_outside_a_project_the_remedy_is_init(tmp_path, monkeypatch):
    """`status` where there is no project."""
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, ["status"])

    assert result.exit_code == 2
    assert "ledger init" in result.output


def test_no_colour_when_piped(tmp_path, monkeypatch):
    """Errors carry no escape sequences into a pipe."""
    monkeypatch.chdir(tmp_path)

    assert "\x1b" not in CliRunner().invoke(main, ["status"]).output


def test_no_color_is_obeyed(tmp_path, monkeypatch):
    """NO_COLOR switches colours off on a terminal too."""
    monkeypatch.chdir(tmp_path)
    assert "\x1b" in CliRunner().invoke(main, ["status"], color=True).output
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b" not in CliRunner().invoke(main, ["status"], color=True).output
