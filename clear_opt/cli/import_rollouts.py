"""``clear-opt import``: evaluation logs in, one table of rollouts out."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from clear_opt.cli.common import parse_names, working

if TYPE_CHECKING:
    from rich.table import Table

    from clear_opt.rollouts.importers import Imported

_SHOWN = 3  # locations shown for each reason
_SNIPPET = 160  # characters of a location with its detail
_SENTENCE = 400  # characters of a note


class Format(StrEnum):
    """What --format takes."""

    INSPECT = "inspect"
    LM_EVAL = "lm-eval"
    OPENAI_BATCH = "openai-batch"
    TABLE = "table"


_ACCEPTED = {
    Format.INSPECT: {"model", "features", "scorer"},
    Format.LM_EVAL: {"model", "features", "columns", "filter_name", "count_tokens"},
    Format.OPENAI_BATCH: {"model", "features", "columns", "grades", "requests"},
    Format.TABLE: {"model", "features", "columns"},
}
_OPTION_NAMES = {"columns": "--map", "filter_name": "--filter", "count_tokens": "--count-tokens"}


class Counting(StrEnum):
    """What --count-tokens takes."""

    WORDS = "words"


def import_rollouts(
    source: Annotated[
        Path, typer.Argument(help="A file; a folder of logs for inspect and lm-eval.")
    ],
    format_: Annotated[
        Format, typer.Option("--format", help="What wrote SOURCE.", show_default=False)
    ],
    out: Annotated[
        Path,
        typer.Option(help="Where to write: .parquet, .csv or .jsonl.", show_default=False),
    ],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="OURS=THEIRS",
            help="What SOURCE (or the grades file) calls a column; may be given several times.",
            show_default=False,
        ),
    ] = None,
    features: Annotated[
        str | None,
        typer.Option(
            metavar="NAME,NAME",
            help="Columns, fields of the sample or of the grades to keep as features.",
            show_default="of a table all, else none",
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="Name of the model.", show_default="as SOURCE has it")
    ] = None,
    scorer: Annotated[
        str | None, typer.Option(help="inspect: whose score counts.", show_default="the only one")
    ] = None,
    filter_name: Annotated[
        str | None,
        typer.Option(
            "--filter", help="lm-eval: which filter's grade counts.", show_default="the only one"
        ),
    ] = None,
    count_tokens: Annotated[
        Counting | None,
        typer.Option(
            help="lm-eval: estimate lengths from the texts; a note says how well.",
            show_default="off",
        ),
    ] = None,
    grades: Annotated[
        Path | None,
        typer.Option(help="openai-batch: table with custom_id and correct.", show_default=False),
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(
            help="openai-batch: the batch's input, for texts, caps and efforts.", show_default=False
        ),
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Refusing anything is an error.")
    ] = False,
) -> None:
    """Turn evaluation logs into one table of rollouts.

    Prints what was read, what was refused and why. Writes query_id, n_tokens, correct, and what
    else is known: text, model, sample, truncated, source, cap, features.

    **Examples**

    `clear-opt import logs/ --format inspect --out rollouts.parquet`

    `clear-opt import results/ --format lm-eval --count-tokens words --out rollouts.parquet`

    `clear-opt import output.jsonl --format openai-batch --grades grades.csv --out rollouts.parquet`

    `clear-opt import log.csv --format table --map query_id=problem --out rollouts.parquet`
    """
    values = {
        "columns": _columns(mapping or []),
        "features": None if features is None else parse_names(features),
        "model": model,
        "scorer": scorer,
        "filter_name": filter_name,
        "count_tokens": None if count_tokens is None else count_tokens.value,
        "grades": grades,
        "requests": requests,
    }
    options = {name: value for name, value in values.items() if value not in (None, {})}
    for name in options:
        if name not in _ACCEPTED[format_]:
            option = _OPTION_NAMES.get(name, f"--{name}")
            raise typer.BadParameter(f"{option} is of no use with --format {format_.value}")
    if format_ is Format.OPENAI_BATCH and grades is None:
        raise typer.BadParameter("--format openai-batch needs --grades: who was right?")
    from clear_opt.io import check_output
    from clear_opt.rollouts import write_rollouts

    check_output(out, source=source)
    with working("Reading"):
        found = _import(source, format_, options)
    if strict:
        found.require_all()
    write_rollouts(found.rollouts, out)
    _print(found)
    typer.echo(f"wrote {out} ({len(found.rollouts):,} rows)")


def _import(source: Path, format_: Format, options: dict[str, Any]) -> Imported:
    from clear_opt.rollouts import importers

    function = {
        Format.INSPECT: importers.import_inspect,
        Format.LM_EVAL: importers.import_lm_eval,
        Format.OPENAI_BATCH: importers.import_openai_batch,
        Format.TABLE: importers.import_table,
    }[format_]
    return function(source, **options)


def _columns(mapping: list[str]) -> dict[str, str]:
    columns: dict[str, str] = {}
    for pair in mapping:
        ours, equals, theirs = (part.strip() for part in pair.partition("="))
        if not (ours and equals and theirs):
            raise typer.BadParameter(f"--map {pair}: write OURS=THEIRS, e.g. query_id=problem")
        if ours in columns:
            raise typer.BadParameter(f"--map {pair}: {ours} is already {columns[ours]}")
        columns[ours] = theirs
    return columns


def _print(found: Imported) -> None:
    from rich.console import Console

    from clear_opt.cli.allocation_report import labelled, printable

    rollouts = found.rollouts
    truncated = 0 if rollouts.truncated is None else int(rollouts.truncated.sum())
    console = Console(highlight=False)
    console.print(
        labelled(
            read=f"{found.read:,} from {found.source}",
            usable=f"{len(rollouts):,} rollouts of {len(rollouts.query_ids):,} queries",
            refused=f"{len(found.refused):,}",
            models=printable(", ".join(rollouts.models), _SNIPPET) or "not named",
            correct=f"{rollouts.correct.mean():.1%}",
            truncated=f"{truncated:,}" if rollouts.truncated is not None else "not known",
            features=printable(", ".join(rollouts.features), _SNIPPET),
        )
    )
    for note in found.notes:
        console.print(printable(f"note: {note}", _SENTENCE), markup=False, soft_wrap=True)
    if found.refused:
        console.print(_reasons(found))


def _reasons(found: Imported) -> Table:
    from rich.box import SIMPLE
    from rich.table import Table
    from rich.text import Text

    from clear_opt.cli.allocation_report import printable

    table = Table(box=SIMPLE)
    table.add_column("refused", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    table.add_column("where", overflow="fold")
    for reason, refusals in found.reasons().items():
        shown = [
            printable(f"{location}: {detail}" if detail else location, _SNIPPET)
            for location, _, detail in refusals[:_SHOWN]
        ]
        rest = len(refusals) - len(shown)
        where = "\n".join([*shown, *([f"and {rest:,} more"] if rest else [])])
        table.add_row(f"{len(refusals):,}", Text(printable(reason, _SNIPPET)), Text(where))
    return table
