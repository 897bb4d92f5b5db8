"""``clear-opt demo``: the main job on a few hundred questions of the project's own."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from clear_opt.cli.common import predict_texts, working
from clear_opt.cli.option_types import DEFAULT_PREDICTOR
from clear_opt.defaults import MOST_SEED, MOST_TOKENS

_LIMIT = 100_000  # questions: predicting their curves takes minutes

if TYPE_CHECKING:
    from clear_opt.cli.demo_study import Study
    from clear_opt.datasets import DemoQuery


def demo(
    out_dir: Annotated[
        Path, typer.Option(help="Folder for the picture and the tables; made if need be.")
    ] = Path("demo-output"),
    queries: Annotated[int, typer.Option(min=1, max=_LIMIT, help="How many questions.")] = 300,
    tokens_per_query: Annotated[
        int,
        typer.Option(
            min=1,
            max=MOST_TOKENS // _LIMIT,
            help="Budget, tokens per question; tight by default.",
        ),
    ] = 100,
    seed: Annotated[
        int,
        typer.Option(min=0, max=MOST_SEED, help="The same seed gives the same questions."),
    ] = 0,
    predictor: Annotated[str, typer.Option(help="A name or a folder.")] = DEFAULT_PREDICTOR,
) -> None:
    """Show the main job on questions made for the purpose, and compare ways to spend a budget.

    Writes frontier.png, queries.jsonl and allocation.jsonl.

    **Example**

    `clear-opt demo --out-dir demo-output --tokens-per-query 150`
    """
    from clear_opt.cli.demo_study import study
    from clear_opt.datasets import make_queries
    from clear_opt.io import make_folder

    make_folder(out_dir)
    made = make_queries(queries, seed)
    curves = predict_texts([query.text for query in made], predictor)
    with working("Solving, by both solvers, and drawing the frontier"):
        found = study(curves, queries * tokens_per_query)
        _write(out_dir, made, found)
    _print(made, found, tokens_per_query)
    table = shlex.quote(str(out_dir / "queries.jsonl"))
    typer.echo(f"\nwrote {out_dir}/: frontier.png, queries.jsonl, allocation.jsonl")
    typer.echo(f"next: clear-opt allocate {table} --budget {2 * queries * tokens_per_query}")


def _write(out_dir: Path, made: list[DemoQuery], found: Study) -> None:
    import pyarrow as pa

    from clear_opt.io import replacing, write_table
    from clear_opt.plots import plot_frontier

    ids, texts = ([query[i] for query in made] for i in range(2))
    write_table(pa.table({"query_id": ids, "text": texts}), out_dir / "queries.jsonl")
    write_table(found.best.to_table(ids), out_dir / "allocation.jsonl")
    with replacing(out_dir / "frontier.png") as file:
        plot_frontier(found.frontier, path=file)


def _print(made: list[DemoQuery], found: Study, tokens_per_query: int) -> None:
    from rich.console import Console

    from clear_opt.cli import allocation_report

    console = Console(highlight=False)
    console.print(
        f"\n[bold]{len(made):,} questions, {tokens_per_query:,} tokens for each on average[/bold]"
        f" (budget {found.best.budget:,.0f})\n"
        "Accuracy is what to expect on the predicted curves; no model was run."
    )
    console.print(allocation_report.policies(found.answers))
    console.print(allocation_report.facts(found.best, found.check))
    console.print(allocation_report.abandoned(made, found.best))
