"""The command line, ``clear-opt``: thin commands over the package, one module each."""

from __future__ import annotations

import gc
import io
import sys

from clear_opt.cli.jax_cache import keep_compiled

_EXTRA = ("typer", "rich")
_OBJECTS_PER_COLLECTION = 1_000_000


def main() -> None:
    """Run ``clear-opt``; without its extra, say in one line how to install it and exit with 2."""
    # Loading the libraries makes many objects and no garbage; looking for it took a sixth of the
    # time to load and apply a predictor.
    gc.set_threshold(_OBJECTS_PER_COLLECTION)
    keep_compiled()
    try:
        from clear_opt.cli.app import app
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        print(
            f"clear-opt: the command line needs {missing}: pip install 'clear-opt[cli]'",
            file=sys.stderr,
        )
        sys.exit(2)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal may lack a text's characters
    app()
