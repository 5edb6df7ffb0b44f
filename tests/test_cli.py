"""The command line says what the functions say, and its exit code is the verdict."""

import pytest
from typer.testing import CliRunner

from xai_widgets import cli
from xai_widgets.doctor import Finding, Report


@pytest.mark.parametrize(("verdict", "code"), [("ok", 0), ("warn", 0), ("fail", 1)])
def test_doctor_exits_with_the_verdict(monkeypatch, verdict, code):
    monkeypatch.setattr(cli, "examine", lambda: Report((Finding("bundles", verdict, "said so", "mend it"),)))
    result = CliRunner().invoke(cli.app, ["doctor"])
    assert result.exit_code == code
    assert "said so" in result.output
    assert "mend it" in result.output


def test_without_a_command_it_shows_them():
    assert "doctor" in CliRunner().invoke(cli.app, []).output
