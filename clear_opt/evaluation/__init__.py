"""Evaluation: what an allocation is worth on rollouts that have already happened."""

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
    pooled,
    predicted,
)
from clear_opt.evaluation.evaluate import evaluate, score
from clear_opt.evaluation.evaluation import Cell, Evaluation
from clear_opt.evaluation.provenance import describe
from clear_opt.evaluation.realised_spend import (
    RealisedFrontier,
    accuracy_at_spend,
    oracle_realised,
    realised_frontier,
    uniform_realised,
)
from clear_opt.evaluation.recorded_outcomes import Recorded
from clear_opt.evaluation.replay import Replay, replay
from clear_opt.evaluation.resampling import Intervals, ModelIntervals, bootstrap
from clear_opt.evaluation.scores import ModelScores, Regret
from clear_opt.evaluation.spending import SPEND_POLICIES, SpendEvaluation, evaluate_spend
from clear_opt.evaluation.summary import as_json

__all__ = [
    "POLICY_NAMES",
    "SPEND_POLICIES",
    "Batch",
    "Calibration",
    "Cell",
    "Comparison",
    "CurvePredictor",
    "Evaluation",
    "Intervals",
    "LengthCalibration",
    "ModelIntervals",
    "ModelScores",
    "RealisedFrontier",
    "Recorded",
    "Regret",
    "Reliability",
    "Replay",
    "SpendEvaluation",
    "accuracy_at_spend",
    "as_json",
    "bootstrap",
    "calibrate",
    "compare_budgets",
    "compare_policies",
    "cross_validated",
    "describe",
    "evaluate",
    "evaluate_spend",
    "oracle_realised",
    "pooled",
    "predicted",
    "query_folds",
    "realised_frontier",
    "reliability",
    "replay",
    "score",
    "uniform_realised",
]
