"""What an evaluation says, in sentences."""

from __future__ import annotations

from clear_opt.evaluation import Evaluation
from clear_opt.evaluation.calibration import LEVELS


def headlines(found: Evaluation) -> list[str]:
    """Give the main results, one sentence each, the most important first."""
    sentences = [_best_budget(found), _efficiency(found), _cells(found), _regret(found)]
    if found.calibration is not None:
        sentences.append(_success(found))
        if found.calibration.lengths is not None:
            sentences.append(_length(found))
    return sentences


def percent(share: float) -> str:
    """Write a share as a percentage with one digit, in one piece."""
    return f"{100 * share:.1f}\N{NO-BREAK SPACE}%"


def whole_percent(share: float) -> str:
    """Write a share as a percentage without digits, in one piece."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _models(found: Evaluation) -> str:
    n = len(found.models)
    return "the model" if n == 1 else f"{n} models"


def _best_budget(found: Evaluation) -> str:
    learned, uniform, oracle = (
        found.accuracy(policy) for policy in ("learned", "uniform", "oracle")
    )
    row = int((learned - uniform).argmax())
    return (
        f"At {found.budgets[row]:g} tokens per query the learned allocation answers "
        f"{percent(learned[row])} of the queries, equal caps {percent(uniform[row])}, and an "
        f"oracle that knows every outcome {percent(oracle[row])}."
    )


def _efficiency(found: Evaluation) -> str:
    low, high = found.intervals.mean.efficiency
    n = len(found.budgets)
    over = f"Averaged over {_models(found)} and {n} budget{'s' if n > 1 else ''}"
    return (
        f"{over}, it reaches {percent(found.triage_efficiency)} of the oracle's accuracy "
        f"({whole_percent(found.intervals.level)} interval {percent(low)} to {percent(high)}); "
        f"equal caps reach {percent(found.mean_efficiency('uniform'))}."
    )


def _cells(found: Evaluation) -> str:
    worst, total = found.worst, len(found.cells())
    below = found.n_significantly_below_uniform
    many = f"{below} of the {total} cells" if below else f"none of the {total} cells"
    side = "below" if worst.difference < 0 else "above"
    return (
        f"In {many} of model and budget is it significantly below equal caps. The worst cell lies "
        f"{abs(100 * worst.difference):.1f} points {side} them: {worst.model} at "
        f"{worst.budget:g} tokens per query (interval {100 * worst.low:+.1f} to "
        f"{100 * worst.high:+.1f} points)."
    )


def _regret(found: Evaluation) -> str:
    regret = found.regret
    total, allocation, prediction = (
        100 * part.mean() for part in (regret.total, regret.allocation, regret.prediction)
    )
    return (
        f"It stays {total:.1f} points below the oracle on average: {prediction:.1f} because the "
        f"predicted curves are not the true ones, {allocation:.2f} because of the solver."
    )


def _success(found: Evaluation) -> str:
    assert found.calibration is not None
    success = found.calibration.success
    better = "better" if success.brier < success.brier_constant else "no better"
    return (
        f"The predicted chance of success has a Brier score of {success.brier:.3f}, {better} than "
        f"each model's own rate ({success.brier_constant:.3f}); it is off by "
        f"{100 * success.calibration_error:.1f} points on average."
    )


def _length(found: Evaluation) -> str:
    assert found.calibration is not None
    assert found.calibration.lengths is not None
    shares = zip(LEVELS, found.calibration.lengths.coverage, strict=True)
    listed = ", ".join(
        f"{percent(share)} (wanted {whole_percent(level)})" for level, share in shares
    )
    return f"The predicted length intervals hold {listed} of the correct lengths."
