"""One clear line on stderr and exit code 2 for whatever the user can mend."""

from __future__ import annotations

import sys
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

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
