"""The options that ``allocate``, ``path`` and ``cheapest`` share, and what they do with answers."""

from __future__ import annotations

import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer

from clear_opt.cli.common import DEFAULT_PREDICTOR, ModelName, TrackingUri
from clear_opt.defaults import MOST_TOKENS

if TYPE_CHECKING:
    import pyarrow as pa


class BasisOption(StrEnum):
    """What --basis takes."""

    RESERVED = "reserved"
    EXPECTED = "expected"


@dataclass(frozen=True)
class Asked:
    """What the shared options said; each field is an option, in the order of the help."""

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
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object instead of words and tables.")
    ] = False

    @property
    def counts_otherwise(self) -> bool:
        """Whether more is asked for than caps of one offer against one budget."""
        return self.plan is not None or self.basis is BasisOption.EXPECTED

    def check(self) -> None:
        """Refuse what cannot work before anything is read."""
        from clear_opt.io import check_output

        if self.out is not None:
            check_output(self.out, source=self.queries)
        chance = self.overrun_probability
        if chance is not None and not 0 < chance < 0.5:
            raise typer.BadParameter(
                f"--overrun-probability: {chance:g} lies outside (0, 1/2); say how often a limit "
                "may be exceeded, e.g. 0.01"
            )
        if chance is not None and not self.counts_otherwise:
            raise typer.BadParameter(
                "--overrun-probability needs --basis expected: caps that are reserved cannot be "
                "overrun"
            )


def with_shared_options(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command the shared options; it gets them together as its first argument.

    The command line is read off a function's signature, so the one given back has the fields of
    `Asked` and the command's own options behind QUERIES.
    """
    queries, *shared = inspect.signature(Asked).parameters.values()
    _, *own = inspect.signature(command).parameters.values()
    behind = [p.replace(kind=p.KEYWORD_ONLY) for p in (*own, *shared)]
    names = {parameter.name for parameter in (queries, *shared)}

    def run(**given: Any) -> None:
        asked = Asked(**{name: given.pop(name) for name in names})
        asked.check()
        command(asked, **given)

    hints = {
        **get_type_hints(Asked, include_extras=True),
        **get_type_hints(command, include_extras=True),
    }
    signature = inspect.Signature([queries.replace(kind=queries.KEYWORD_ONLY), *behind])
    parameters = [p.replace(annotation=hints[p.name]) for p in signature.parameters.values()]
    run.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in parameters}
    run.__name__, run.__doc__ = command.__name__, command.__doc__
    return run


def deliver(
    asked: Asked,
    rows: Callable[[], pa.Table],
    summary: Callable[[], dict[str, Any]],
    show: Callable[[], None],
) -> None:
    """Write the rows where a file is wanted, and print the answer in the form that is wanted."""
    from clear_opt.io import write_table

    written = None
    if asked.out is not None:
        written = rows()
        write_table(written, asked.out)
    if asked.as_json:
        typer.echo(json.dumps(summary(), allow_nan=False))
    else:
        show()
    if written is not None:
        typer.echo(f"wrote {asked.out} ({len(written):,} rows)", err=asked.as_json)
