"""What an evaluation says, in sentences."""

from __future__ import annotations

from clear_opt.evaluation import Evaluation
from clear_opt.evaluation.calibration import LEVELS


def headlines(evaluation: Evaluation) -> list[str]:
    """Return the main results, one sentence each, the most important first."""
    sentences = [
        _best_budget(evaluation),
        _efficiency(evaluation),
        _cells(evaluation),
        _regret(evaluation),
    ]
    if evaluation.calibration is not None:
        sentences.append(_success(evaluation))
        if evaluation.calibration.lengths is not None:
            sentences.append(_length(evaluation))
    return sentences


def percent(share: float) -> str:
    """Write a share as a percentage with one digit, in one piece."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def whole_percent(share: float) -> str:
    """Write a share as a percentage without digits, in one piece."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _models(evaluation: Evaluation) -> str:
    n = len(evaluation.models)
    return "the model" if n == 1 else f"{n} models"


def _best_budget(evaluation: Evaluation) -> str:
    learned, uniform, oracle = (
        evaluation.accuracy(policy) for policy in ("learned", "uniform", "oracle")
    )
    row = int((learned - uniform).argmax())
    return (
        f"At {evaluation.budgets[row]:g} tokens per query the learned allocation answers "
        f"{percent(learned[row])} of the queries, equal caps {percent(uniform[row])}, and an "
        f"oracle that knows every outcome {percent(oracle[row])}."
    )


def _efficiency(evaluation: Evaluation) -> str:
    (low, high), level = evaluation.intervals.mean.oracle_fraction, evaluation.intervals.level
    n = len(evaluation.budgets)
    over = f"Averaged over {_models(evaluation)} and {n} budget{'s' if n > 1 else ''}"
    return (
        f"{over}, it reaches {percent(evaluation.oracle_fraction)} of the oracle's accuracy "
        f"({whole_percent(level)} interval {percent(low)} to {percent(high)}); "
        f"equal caps reach {percent(evaluation.mean_oracle_fraction('uniform'))}."
    )


def _cells(evaluation: Evaluation) -> str:
    worst, total = evaluation.worst, len(evaluation.cells())
    below = evaluation.n_significantly_below_uniform
    many = f"{below} of the {total} cells" if below else f"none of the {total} cells"
    side = "below" if worst.difference < 0 else "above"
    return (
        f"In {many} of model and budget is it significantly below equal caps. The worst cell lies "
        f"{abs(100 * worst.difference):.1f} points {side} them: {worst.model} at "
        f"{worst.budget:g} tokens per query (interval {100 * worst.low:+.1f} to "
        f"{100 * worst.high:+.1f} points)."
    )


def _regret(evaluation: Evaluation) -> str:
    regret = evaluation.regret
    total, allocation, prediction = (
        100 * part.mean() for part in (regret.total, regret.allocation, regret.prediction)
    )
    return (
        f"It stays {total:.1f} points below the oracle on average: {prediction:.1f} because the "
        f"predicted curves are not the true ones, {allocation:.2f} because of the solver."
    )


def _success(evaluation: Evaluation) -> str:
    assert evaluation.calibration is not None
    success = evaluation.calibration.success
    better = "better" if success.brier < success.brier_constant else "no better"
    return (
        f"The predicted chance of success has a Brier score of {success.brier:.3f}, {better} than "
        f"each model's own rate ({success.brier_constant:.3f}); it is off by "
        f"{100 * success.calibration_error:.1f} points on average."
    )


def _length(evaluation: Evaluation) -> str:
    assert evaluation.calibration is not None
    assert evaluation.calibration.lengths is not None
    shares = zip(LEVELS, evaluation.calibration.lengths.coverage, strict=True)
    listed = ", ".join(
        f"{percent(share)} (wanted {whole_percent(level)})" for level, share in shares
    )
    return f"The predicted length intervals hold {listed} of the correct lengths."
