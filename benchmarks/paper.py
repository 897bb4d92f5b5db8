"""The paper's experiment: four streams of traffic, budgets from scarce to ample, eight policies.

    python -m benchmarks.paper [--out DIR] [--seeds 20] [--queries 500] [--jobs 2]

Streams are simulated (`clear_opt.datasets`), and drawn from recorded answers where the two tables
of rollouts are there. Whoever predicts has not seen the queries it predicts. Every policy gets the
same total of caps, spends what it leaves (`clear_opt.policies.spread_leftover`), and is replayed on
the answers. DIR gets `paper.json` with all cells, `paper.md` with the tables, and the pictures.
Without ``--out`` the cells go to benchmarks/results, and docs/paper.md gets tables and pictures.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from benchmarks.paper_cells import by_stream, claims, noise_cells, stream_cells
from benchmarks.paper_pictures import draw_pictures
from benchmarks.paper_policies import score, score_noise
from benchmarks.paper_tables import markdown, summary
from benchmarks.paper_worlds import (
    RECORDED,
    SELF_ESTIMATE_ERROR,
    SIMULATED,
    Case,
    recorded_cases,
    recorded_predictions,
    simulated_cases,
)
from benchmarks.report import machine_facts, quote_text, write_report
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import Rollouts, read_rollouts

BUDGETS = tuple(range(100, 1600, 100))
NOISE = tuple(k / 10 for k in range(11))
NOISE_BUDGETS = (100, 300, 1000)
SEEDS, QUERIES = 20, 500
MARKS = tuple(f"<!-- paper: {end} -->" for end in ("begin", "end"))

_ROOT = Path(__file__).parents[1]
_RESULTS = Path(__file__).parent / "results"
_DATA = _ROOT.parent / "shared" / "data"
_PAGE = _ROOT / "docs" / "paper.md"
_IMAGES = _ROOT / "docs" / "images"


_Asked = tuple[str, Future, Future]  # a stream, its scores, its scores with noise


def run(
    recorded: tuple[Rollouts, Rollouts] | None,
    *,
    budgets: Sequence[float] = BUDGETS,
    noise: Sequence[float] = NOISE,
    noise_budgets: Sequence[float] = NOISE_BUDGETS,
    seeds: int = SEEDS,
    queries: int = QUERIES,
    training: int | None = None,
    predictor: SurgePredictor | None = None,
    jobs: int = 1,
    say: Callable[[str], None] = lambda done: None,
) -> dict[str, Any]:
    """Score every policy on every stream and give one JSON-ready report.

    Parameters
    ----------
    recorded
        Rollouts of school and competition problems (sources ``gsm8k`` and ``math-level5``) by
        several models, and of AIME problems; ``None`` leaves that world out.
    budgets
        Tokens per query, rising.
    noise, noise_budgets
        Standard deviations of the log of the factor on predicted lengths, and the budgets at which
        they are tried.
    seeds, queries
        Number of streams of each name, and of queries in each.
    training
        Queries that the simulated world's predictor learns from.
    predictor
        What learns; `SurgePredictor` with its defaults if it is left out.
    jobs
        Processes.
    say
        Called with the name of each step when it is done.
    """
    worlds: dict[str, Any] = {}
    with _workers(jobs) as workers:
        # The longest single step comes first, so that the others fill the other processes.
        held = workers.submit(recorded_predictions, *recorded, predictor) if recorded else None
        more = {} if training is None else {"training": training}
        cases: Iterable[Case] = simulated_cases(seeds, queries, predictor, **more)
        asked = _asked(workers, cases, budgets, noise, noise_budgets)
        worlds[SIMULATED] = _summed(asked, budgets)
        say(SIMULATED)
        if held is not None:
            cases = recorded_cases(*held.result(), seeds, queries)
            asked = _asked(workers, cases, budgets, noise, noise_budgets)
            worlds[RECORDED] = _summed(asked, budgets)
            say(RECORDED)
    return {
        "settings": {
            "budgets": list(budgets),
            "noise": list(noise),
            "noise_budgets": list(noise_budgets),
            "seeds": seeds,
            "queries": queries,
            "self_estimate_error": SELF_ESTIMATE_ERROR,
            "models": list(recorded[0].models) if recorded else [],
        },
        "machine": machine_facts(),
        "worlds": worlds,
    }


def _workers(jobs: int) -> Executor:
    if jobs == 1:
        return ThreadPoolExecutor(1)
    return ProcessPoolExecutor(jobs, mp_context=get_context("spawn"))


def _asked(
    workers: Executor,
    cases: Iterable[Case],
    budgets: Sequence[float],
    noise: Sequence[float],
    noise_budgets: Sequence[float],
) -> list[_Asked]:
    return [
        (
            case.stream,
            workers.submit(score, case, budgets),
            workers.submit(score_noise, case, noise_budgets, noise),
        )
        for case in cases
    ]


def _summed(
    asked: Sequence[tuple[str, Future, Future]], budgets: Sequence[float]
) -> dict[str, Any]:
    scores = by_stream([(stream, found.result()) for stream, found, _ in asked])
    spoilt = by_stream([(stream, found.result()) for stream, _, found in asked])
    streams = {name: stream_cells(seeds) for name, seeds in scores.items()}
    return {
        "streams": streams,
        "claims": claims(streams, budgets),
        "noise": noise_cells(spoilt),
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, write tables, pictures and cells, print what it shows."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.paper", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--out", type=Path, default=None, help="folder for all that is written")
    parser.add_argument("--seeds", type=int, default=SEEDS)
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--zeroeval", type=Path, default=_DATA / "zeroeval_rollouts.parquet")
    parser.add_argument("--aime", type=Path, default=_DATA / "aime_rollouts.parquet")
    options = parser.parse_args(arguments)
    start = time.perf_counter()

    def say(done: str) -> None:
        print(f"{time.perf_counter() - start:6.0f} s  {done}", file=sys.stderr, flush=True)

    recorded = None
    if options.zeroeval.exists() and options.aime.exists():
        recorded = read_rollouts(options.zeroeval), read_rollouts(options.aime)
    elif options.out is None:
        parser.error("no recorded rollouts here: give --out DIR for the simulated streams alone")
    else:
        say("no recorded rollouts: the simulated streams alone")
    report = run(recorded, seeds=options.seeds, queries=options.queries, jobs=options.jobs, say=say)
    folder = options.out or _RESULTS
    write_report(report, folder / "paper.json")
    if options.out is None:
        quote_text(markdown(report), _PAGE, (MARKS[0], MARKS[1]))
        pictures = draw_pictures(report, _IMAGES)
    else:
        folder.joinpath("paper.md").write_text(markdown(report) + "\n", encoding="utf-8")
        pictures = draw_pictures(report, folder)
    print(summary(report))
    say(f"wrote {folder / 'paper.json'} and {len(pictures)} pictures")


if __name__ == "__main__":
    main()
