"""Training: fit a predictor to rollouts, score it, log it to MLflow, choose the champion."""

from clear_opt.training.compare import PredictorComparison, compare_predictors
from clear_opt.training.record import log_evaluation, log_training
from clear_opt.training.register import CHAMPION, Registration, Verdict, register_if_better
from clear_opt.training.split import hold_out, unseen
from clear_opt.training.train import HELD_OUT, Training, score_predictor, train

__all__ = [
    "CHAMPION",
    "HELD_OUT",
    "PredictorComparison",
    "Registration",
    "Training",
    "Verdict",
    "compare_predictors",
    "hold_out",
    "log_evaluation",
    "log_training",
    "register_if_better",
    "score_predictor",
    "train",
    "unseen",
]
