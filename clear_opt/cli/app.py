"""The application: what commands there are."""

from __future__ import annotations

from typing import Annotated

import typer

from clear_opt.cli.allocate import allocate
from benchmarks.quick import bench
from clear_opt.cli.cheapest import cheapest
from clear_opt.cli.demo import demo
from clear_opt.cli.evaluate import evaluate
from clear_opt.cli.app import OneLineErrors
from clear_opt.cli.import_rollouts import import_rollouts
from clear_opt.cli.path import path
from clear_opt.cli.predict import predict
from clear_opt.cli.register import register
from clear_opt.cli.train import train

_EPILOG = """
**Examples**

`clear-opt demo`

`clear-opt allocate queries.jsonl --budget 30000 --out caps.csv`

`clear-opt cheapest queries.jsonl --target 0.6`

`clear-opt predict queries.jsonl --out curves.parquet`

`clear-opt evaluate rollouts.parquet --report report.html`
"""

app = typer.Typer(
    name="clear-opt",
    cls=OneLineErrors,
    epilog=_EPILOG,
    rich_markup_mode="markdown",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from clear_opt import __version__

        typer.echo(f"clear-opt {__version__}")
        raise typer.Exit


@app.callback()
def options(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Allocate one token budget over many LLM queries by a shadow price, with a certificate."""
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


app.command()(allocate)
app.command()(path)
app.command()(cheapest)
app.command()(predict)
app.command()(train)
app.command()(evaluate)
app.command()(register)
app.command()(demo)
app.command()(bench)
app.command("import")(import_rollouts)
