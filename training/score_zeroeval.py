"""Score predictors on held-out queries: for each model, train on 80 %, allocate to the rest."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from zeroeval_source import parser, read_or_exit

from clear_opt.evaluation import Comparison, compare_policies, query_folds
from clear_opt.predictors import SurgePredictor
from clear_opt.rollouts import Rollouts

POLICIES = ("uniform", "proportional", "learned", "oracle")


def main() -> None:
    """Print replayed accuracy by model and policy at one budget."""
    options = parser(__doc__)
    options.add_argument("--budget", type=float, default=100.0, help="tokens per query")
    options.add_argument("--models", nargs="+", help="models to score (default: all)")
    chosen = options.parse_args()
    rollouts = read_or_exit(chosen.rollouts)
    models = chosen.models or rollouts.models
    # The same queries are held out for every model, so that the rows can be compared.
    held_out, *rest = query_folds(rollouts.query_ids, k=5, seed=chosen.seed)
    results = [
        score(
            rollouts.for_model(model),
            np.concatenate(rest),
            held_out,
            chosen.budget,
            SurgePredictor(seed=chosen.seed, num_threads=chosen.threads),
        )
        for model in models
    ]

    width = max(map(len, models))
    print(f"replayed accuracy at {chosen.budget:g} tokens per query, held-out queries")
    print(f"{'model':{width}}    n " + "".join(f"{policy:>13}" for policy in POLICIES))
    for model, result in zip(models, results, strict=True):
        print(f"{model:{width}} {result.n:4d} " + _row(getattr(result, p) for p in POLICIES))
    means = [float(np.mean([getattr(result, p) for result in results])) for p in POLICIES]
    print(f"{'mean':{width}}      " + _row(means))


def score(
    rollouts: Rollouts,
    train: np.ndarray,
    held_out: np.ndarray,
    budget: float,
    predictor: SurgePredictor,
) -> Comparison:
    """Train on some queries of one model and compare the policies on the others."""
    known = set(rollouts.query_ids)
    learn, test = ([name for name in part if name in known] for part in (train, held_out))
    learning, testing = rollouts.for_queries(learn), rollouts.for_queries(test)
    curves = predictor.fit(learning.texts(), learning).predict(testing.texts())
    return compare_policies(curves, testing.query_ids, testing, budget * len(curves))


def _row(numbers: Iterable[float]) -> str:
    return "".join(f"{number:13.3f}" for number in numbers)


if __name__ == "__main__":
    main()
