"""The command line: `xai-widgets doctor`."""

import typer

from xai_widgets.doctor import doctor as examine

app = typer.Typer(help="See why a PyTorch vision model says what it says.", no_args_is_help=True)


@app.callback()
def _group() -> None:
    """Keep `doctor` a command of its own: typer makes a single command the whole program."""


@app.command()
def doctor() -> None:
    """Say what stands on this machine, what is wrong and how to mend it; exit with 1 if something is."""
    report = examine()
    typer.echo(str(report))
    raise typer.Exit(0 if report.ok else 1)


def main() -> None:
    """Run the command line."""
    app()
