"""The options that ``allocate``, ``path`` and ``cheapest`` share, and their output."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from clear_opt.cli.option_types import DEFAULT_PREDICTOR, AsJson, ModelName, TrackingUri
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    import pyarrow as pa


class BasisOption(StrEnum):
    """What --basis takes."""

    RESERVED = "reserved"
    EXPECTED = "expected"


@dataclass(frozen=True)
class SharedOptions:
    """The values of the shared options; each field is an option, in the order of the help."""

    queries: Annotated[
        Path,
        typer.Argument(
            help="JSONL, CSV or Parquet with query_id and text; or with tau and (height, width) "
            "or (alpha, beta). Optional columns: weight, floor, ceiling, tenant, and beside curves "
            "length_median and length_spread.",
            show_default=False,
        ),
    ]
    plan: Annotated[
        Path | None,
        typer.Option(
            help="TOML or JSON with offers, limits, guarantees and funded shares of tenants.",
            show_default=False,
        ),
    ] = None
    basis: Annotated[
        BasisOption | None,
        typer.Option(
            help="What limits count: caps, or the tokens that are expected to be spent.",
            show_default="the plan's, or reserved",
        ),
    ] = None
    overrun_probability: Annotated[
        float | None,
        typer.Option(
            help="How often a limit on expected spend may be exceeded, e.g. 0.01.",
            show_default="the plan's, or kept on average only",
        ),
    ] = None
    predictor: Annotated[
        str | None,
        typer.Option(
            help="Predictor for texts: a name, a folder, or models:/NAME@ALIAS.",
            show_default=DEFAULT_PREDICTOR,
        ),
    ] = None
    model: ModelName = None
    tracking_uri: TrackingUri = None
    floor: Annotated[
        int,
        typer.Option(
            min=0, max=MOST_TOKENS, help="Tokens every query gets, unless its row says otherwise."
        ),
    ] = 0
    ceiling: Annotated[
        int | None,
        typer.Option(
            min=0,
            max=MOST_TOKENS,
            help="Most tokens a query may get, unless its row says otherwise.",
            show_default="none",
        ),
    ] = None
    block: Annotated[
        int, typer.Option(min=1, max=MOST_TOKENS, help="Caps are multiples of this many tokens.")
    ] = 1
    out: Annotated[
        Path | None,
        typer.Option(
            help="Write the rows, one per query (of path: per budget): .jsonl, .csv or .parquet.",
            show_default=False,
        ),
    ] = None
    as_json: AsJson = False

    @property
    def uses_program(self) -> bool:
        """Whether this takes a `Program`: more than caps of one offer against one budget."""
        return self.plan is not None or self.basis is BasisOption.EXPECTED

    def check(self) -> None:
        """Raise for contradictory or impossible values, before anything is read."""
        from clear_opt.io import check_output

        if self.out is not None:
            check_output(self.out, source=self.queries)
        chance = self.overrun_probability
        if chance is not None and not 0 < chance < 0.5:
            raise typer.BadParameter(
                f"--overrun-probability: {chance:g} lies outside (0, 1/2); say how often a limit "
                "may be exceeded, e.g. 0.01"
            )
        if chance is not None and not self.uses_program:
            raise typer.BadParameter(
                "--overrun-probability needs --basis expected: caps that are reserved cannot be "
                "overrun"
            )


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the shared options to a command, which receives them as its first argument.

    Typer reads the command line off a signature, so the returned function has the fields of
    `SharedOptions` and the command's own options behind QUERIES.
    """
    queries, *shared = inspect.signature(SharedOptions).parameters.values()
    _, *own = inspect.signature(command).parameters.values()
    behind = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *shared)]
    names = {parameter.name for parameter in (queries, *shared)}

    def run(**values: Any) -> None:
        options = SharedOptions(**{name: values.pop(name) for name in names})
        options.check()
        command(options, **values)

    hints = {
        **get_type_hints(SharedOptions, include_extras=True),
        **get_type_hints(command, include_extras=True),
    }
    signature = inspect.Signature([queries.replace(kind=queries.KEYWORD_ONLY), *behind])
    parameters = [p.replace(annotation=hints[p.name]) for p in signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def emit(
    options: SharedOptions,
    rows: Callable[[], pa.Table],
    summary: Callable[[], dict[str, Any]],
    show: Callable[[], None],
) -> None:
    """Write the rows to ``--out``, if given, and print the result as tables or as JSON."""
    from clear_opt.io import write_table

    table = None
    if options.out is not None:
        table = rows()
        write_table(table, options.out)
    if options.as_json:
        typer.echo(json.dumps(summary(), allow_nan=False))
    else:
        show()
    if table is not None:
        typer.echo(f"wrote {options.out} ({len(table):,} rows)", err=options.as_json)
