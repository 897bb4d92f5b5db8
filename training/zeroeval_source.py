"""Where the training scripts find the ZeroEval rollouts, and what they say where there are none."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from clear_opt.errors import ClearOptError
from clear_opt.rollouts import Rollouts, read_rollouts

ROOT = Path(__file__).resolve().parents[1]

BUDGETS = (50, 100, 150, 200, 300, 400, 600, 800)
"""Tokens per query at which policies are compared."""


def parser(description: str | None) -> argparse.ArgumentParser:
    """Start a command line with the options that all training scripts share."""
    options = argparse.ArgumentParser(
        description=description, formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    options.add_argument(
        "--rollouts",
        type=Path,
        default=ROOT.parent / "shared" / "data" / "zeroeval_rollouts.parquet",
        help="Parquet table of rollouts with texts and models",
    )
    options.add_argument("--seed", type=int, default=0, help="of folds and predictors")
    options.add_argument("--threads", type=int, default=1, help="for LightGBM")
    return options


def read_or_exit(path: Path) -> Rollouts:
    """Read the rollouts, or leave with one line and exit code 2."""
    try:
        return read_rollouts(path)
    except ClearOptError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        raise SystemExit(2) from None
