"""Evaluation: what an allocation is worth on rollouts that have already happened."""

from clear_opt.evaluation.actual_spend import (
    ActualSpendFrontier,
    accuracy_at_spend,
    actual_spend_frontier,
    oracle_spend_frontier,
    uniform_spend_frontier,
)
from clear_opt.evaluation.calibration import (
    Calibration,
    LengthCalibration,
    Reliability,
    calibrate,
    reliability,
)
from clear_opt.evaluation.comparison import (
    POLICY_NAMES,
    Comparison,
    compare_budgets,
    compare_policies,
    query_folds,
)
from clear_opt.evaluation.cross_validation import (
    Batch,
    CurvePredictor,
    cross_validated,
    pooled_over_folds,
    predicted,
)
from clear_opt.evaluation.evaluate import evaluate, score
from clear_opt.evaluation.evaluation import Cell, Evaluation
from clear_opt.evaluation.forecasts import Forecasts
from clear_opt.evaluation.frontiers import CLEAR, Frontier, frontier
from clear_opt.evaluation.provenance import describe
from clear_opt.evaluation.replay import Replay, replay
from clear_opt.evaluation.replay_data import ReplayData
from clear_opt.evaluation.resampling import Intervals, ModelIntervals, bootstrap
from clear_opt.evaluation.scores import ModelScores, Regret
from clear_opt.evaluation.spending import SPEND_POLICIES, SpendEvaluation, evaluate_spend
from clear_opt.evaluation.summary import as_json

__all__ = [
    "CLEAR",
    "POLICY_NAMES",
    "SPEND_POLICIES",
    "ActualSpendFrontier",
    "Batch",
    "Calibration",
    "Cell",
    "Comparison",
    "CurvePredictor",
    "Evaluation",
    "Forecasts",
    "Frontier",
    "Intervals",
    "LengthCalibration",
    "ModelIntervals",
    "ModelScores",
    "Regret",
    "Reliability",
    "Replay",
    "ReplayData",
    "SpendEvaluation",
    "accuracy_at_spend",
    "actual_spend_frontier",
    "as_json",
    "bootstrap",
    "calibrate",
    "compare_budgets",
    "compare_policies",
    "cross_validated",
    "describe",
    "evaluate",
    "evaluate_spend",
    "frontier",
    "oracle_spend_frontier",
    "pooled_over_folds",
    "predicted",
    "query_folds",
    "reliability",
    "replay",
    "score",
    "uniform_spend_frontier",
]
