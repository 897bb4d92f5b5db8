"""The application: what commands there are.

One clear line on stderr and exit code 2 for whatever the user can mend.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from clear_opt.cli.allocate import allocate
from clear_opt.cli.cheapest import cheapest
from clear_opt.cli.demo import demo
from clear_opt.cli.evaluate import evaluate
from clear_opt.cli.import_rollouts import import_rollouts
from clear_opt.cli.path import path
from clear_opt.cli.predict import predict
from clear_opt.cli.register import register
from clear_opt.cli.train import train
from clear_opt.errors import ClearOptError

_UsageError: type[Exception] = typer.BadParameter.__mro__[1]  # typer exports its subclass only


class OneLineErrors(TyperGroup):
    """A group of commands that reports errors of use and of input in one line, without traceback.

    Errors of the program itself keep their traceback and exit with 1.
    """

    def main(self, *args: Any, standalone_mode: bool = True, **extra: Any) -> Any:
        """Run a command; see `typer.core.TyperGroup.main`."""
        if not standalone_mode:
            return super().main(*args, standalone_mode=False, **extra)
        try:
            code = super().main(*args, standalone_mode=False, **extra)
        except _UsageError as error:
            message: str = error.format_message()  # type: ignore[attr-defined]
            _fail(message.replace("Value error, ", ""))
        except ClearOptError as error:
            _fail(str(error))
        except MemoryError as error:
            _fail(f"this needs more memory than there is ({error}); ask for less at once")
        except typer.Abort:
            _fail("stopped", code=130)
        sys.exit(code if isinstance(code, int) else 0)


def _fail(message: str, code: int = 2) -> NoReturn:
    typer.echo(f"clear-opt: {' '.join(message.split())}", err=True)
    sys.exit(code)


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
app.command("import")(import_rollouts)
