"""Train models/zeroeval-math on all 14 models of the ZeroEval rollouts, and write its card."""

from __future__ import annotations

from pathlib import Path
from string import Template

import numpy as np
from zeroeval_source import BUDGETS, ROOT, parser, read_or_exit

from clear_opt.evaluation import Comparison, compare_policies, query_folds
from clear_opt.predictors import Completion, SurgePredictor, save_predictor
from clear_opt.rollouts import Rollouts

FOLDS = 5
SHOWN_BUDGET = 100  # tokens per query of the table by model


def main() -> None:
    """Cross-validate, train on everything, save, and write down what was measured."""
    options = parser(__doc__)
    options.add_argument("--out", type=Path, default=ROOT / "models" / "zeroeval-math")
    chosen = options.parse_args()
    rollouts = read_or_exit(chosen.rollouts)
    predictor = SurgePredictor(seed=chosen.seed, num_threads=chosen.threads)

    scores, quality = cross_validate(predictor, rollouts, chosen.seed)
    save_predictor(predictor.fit(rollouts.texts(), rollouts), chosen.out)
    template = Path(__file__).with_name("zeroeval_card.md").read_text(encoding="utf-8")
    card = Template(template).substitute(
        queries=f"{len(rollouts.query_ids):,}",
        rollouts=f"{len(rollouts):,}",
        models=len(rollouts.models),
        accuracy=f"{rollouts.correct.mean():.3f}",
        median_length=f"{np.median(rollouts.n_tokens[rollouts.correct > 0]):.0f}",
        shown=SHOWN_BUDGET,
        by_budget=budget_table(scores),
        by_model=model_table(scores, SHOWN_BUDGET),
        efficiency=f"{mean_efficiency(scores, 'learned'):.3f}",
        uniform_efficiency=f"{mean_efficiency(scores, 'uniform'):.3f}",
        **quality,
    )
    (chosen.out / "README.md").write_text(card, encoding="utf-8")
    print(f"{chosen.out}: triage efficiency {mean_efficiency(scores, 'learned'):.3f}")


Scores = dict[tuple[str, int], list[Comparison]]
"""One comparison per fold, for each model and budget."""


def cross_validate(
    predictor: SurgePredictor, rollouts: Rollouts, seed: int
) -> tuple[Scores, dict[str, str]]:
    """Score the pooled predictor on queries it has not seen, model by model."""
    scores: Scores = {(model, budget): [] for model in rollouts.models for budget in BUDGETS}
    folds = query_folds(rollouts.query_ids, FOLDS, seed)
    errors = []
    for fold in folds:
        rest = np.concatenate([other for other in folds if other is not fold])
        learning, testing = rollouts.for_queries(rest), rollouts.for_queries(fold)
        predictor.fit(learning.texts(), learning)
        curves, texts = predictor.predict(testing.texts()), testing.texts()
        errors.append(prediction_errors(predictor.predict_completion(texts), learning, testing))
        for model in rollouts.models:
            own = testing.for_model(model)
            own_curves = curves.take(testing.index_of(own.query_ids))
            for budget in BUDGETS:
                scores[model, budget].append(
                    compare_policies(own_curves, own.query_ids, own, budget * len(own_curves))
                )
    names = ("brier", "brier_constant", "median_error", "coverage")
    return scores, {
        name: f"{value:.3f}" for name, value in zip(names, np.mean(errors, axis=0), strict=True)
    }


def prediction_errors(
    predicted: Completion, learning: Rollouts, testing: Rollouts
) -> tuple[float, float, float, float]:
    """Give Brier scores (predicted, constant), log error of the length, 80 % coverage."""
    row = testing.index_of(testing.query_id)
    brier = np.mean((predicted.success[row] - testing.correct) ** 2)
    constant = np.mean((learning.correct.mean() - testing.correct) ** 2)
    right = testing.correct > 0
    miss = np.log(testing.n_tokens[right] / predicted.median[row[right]])
    inside = np.abs(miss) <= 1.2816 * predicted.spread[row[right]]  # 80 % of a normal
    return float(brier), float(constant), float(np.median(np.abs(miss))), float(inside.mean())


def accuracy(results: list[Comparison], policy: str) -> float:
    """Give the accuracy over the folds, each query counting once."""
    return float(np.average([getattr(r, policy) for r in results], weights=[r.n for r in results]))


def mean_efficiency(scores: Scores, policy: str) -> float:
    """Give the mean over models and budgets of accuracy / oracle accuracy."""
    return float(np.mean([accuracy(r, policy) / accuracy(r, "oracle") for r in scores.values()]))


POLICIES = ("uniform", "proportional", "learned", "oracle")


def budget_table(scores: Scores) -> str:
    """Write accuracy averaged over the models, one row per budget."""
    models = {model for model, _ in scores}
    return table(
        "tokens/query",
        {
            str(budget): [
                float(np.mean([accuracy(scores[model, budget], policy) for model in models]))
                for policy in POLICIES
            ]
            for budget in BUDGETS
        },
    )


def model_table(scores: Scores, budget: int) -> str:
    """Write accuracy at one budget, one row per model."""
    return table(
        "model",
        {
            model: [accuracy(results, policy) for policy in POLICIES]
            for (model, at), results in scores.items()
            if at == budget
        },
    )


def table(head: str, rows: dict[str, list[float]]) -> str:
    """Write a Markdown table of numbers."""
    lines = [f"| {head} | {' | '.join(POLICIES)} |", "|---" * (len(POLICIES) + 1) + "|"]
    lines += [f"| {name} | {' | '.join(f'{x:.3f}' for x in row)} |" for name, row in rows.items()]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
