"""Fit a head for each model, and calibrate their sigmas and uncertainty on all of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from clear_opt.fitting import Completion
from clear_opt.predictors.distribution import Uncertainty, fit_uncertainty
from clear_opt.predictors.heads import ModelHead
from clear_opt.predictors.length_head import LengthHead, shrunk_quantiles, weighted_quantiles
from clear_opt.predictors.length_shape import LengthShape, fit_shape
from clear_opt.rollouts import Rollouts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clear_opt.predictors.difficulty import Attempts

TYPICAL = "typical"
"""Name of the head that stands for no model in particular."""

_CALIBRATION_FOLDS = 3
_CALIBRATED_LEVEL = 0.8  # coverage of the central interval that sets the factor
_CALIBRATED_SIGMAS = float(ndtri(0.5 + _CALIBRATED_LEVEL / 2.0))  # its half-width for a normal
_FACTOR_QUERIES = 50.0  # queries that the other kind's factor counts as
_MIN_SHAPE_QUERIES = 20.0  # below, a model has the shape pooled over models
_SHIFT_ROLLOUTS = 2.0  # rollouts that a prior shift of zero counts as
_MAX_PAIRS = 4000  # pairs of query and model from which the uncertainty is learned


class Heads(NamedTuple):
    """The heads by name, the typical one last, and the factors that calibrate their sigmas."""

    by_model: dict[str, ModelHead]
    sigma_factor: float
    """On the log-std of right answers."""
    wrong_sigma_factor: float
    """On that of wrong ones."""


class _Answers(NamedTuple):
    """Answers of one kind, right or wrong; arrays of shape (rows,), zero weight for the others."""

    query: np.ndarray
    log_length: np.ndarray
    weight: np.ndarray


class _FittedLengths(NamedTuple):
    """Fitted lengths of one kind of answers: a head per model, a typical one, and a factor."""

    heads: list[LengthHead]
    typical: LengthHead
    sigma_factor: float


def fit_heads(
    new_head: Callable[[], ModelHead],
    columns: np.ndarray,
    difficulty: np.ndarray,
    attempts: Attempts,
    models: Sequence[str],
) -> Heads:
    """Fit the heads, and the factors that calibrate their sigmas.

    Parameters
    ----------
    new_head : callable
        Makes an unfitted head.
    columns : numpy.ndarray, shape (queries, columns)
        Features and difficulty of each query.
    difficulty : numpy.ndarray, shape (queries, 2)
        Of each query, predicted out of fold.
    attempts : Attempts
        The rollouts; ``attempts.model`` indexes ``models``.
    models : sequence of str
        Names; without any there is only the typical head.

    Notes
    -----
    Each factor makes the central 80 % interval of the length cover 80 % of the answers to held-out
    queries: the quantile of absolute standardised residuals, as in cross-conformal prediction
    (V. Vovk, 2015, Annals of Mathematics and Artificial Intelligence 74, 9-28), but clipped,
    pooled over models and without the finite-sample correction, so that no coverage is guaranteed.
    """
    parts = [np.flatnonzero(attempts.model == k) for k in range(max(len(models), 1))]
    heads, weight = [], np.zeros(len(attempts.query))
    for rows in parts:
        own = attempts.take(rows)
        weight[rows] = 1.0 / np.bincount(own.query)[own.query]
        head = new_head().fit_success(difficulty[own.query], own.correct, weight[rows])
        heads.append(head)
    typical = new_head().take_average(heads)

    like = new_head()
    query, correct = attempts.query, attempts.correct
    right = _LengthFitting(
        LengthHead(like.learner, like.random_state, like.n_jobs), columns, difficulty, parts
    ).fit(_Answers(query, attempts.log_length, weight * correct))
    # Residual regressors for the few wrong answers were measured to change no allocation; they
    # would add nearly half to the files.
    wrong = _LengthFitting(LengthHead(None, like.random_state), columns, difficulty, parts).fit(
        _Answers(query, attempts.wrong_log_length, weight * (1.0 - correct)), prior=right
    )
    for head, of_right, of_wrong in zip(
        (*heads, typical), (*right.heads, right.typical), (*wrong.heads, wrong.typical), strict=True
    ):
        head.take_lengths(of_right, of_wrong)
    by_model = {**dict(zip(models, heads, strict=False)), TYPICAL: typical}
    return Heads(by_model, right.sigma_factor, wrong.sigma_factor)


class _LengthFitting:
    """Fit the heads of one kind of answers, for all models; ``parts`` are the rows of each."""

    def __init__(
        self,
        like: LengthHead,
        columns: np.ndarray,
        difficulty: np.ndarray,
        parts: Sequence[np.ndarray],
    ) -> None:
        self._like = like
        self._columns, self._difficulty, self._parts = columns, difficulty, parts

    def fit(self, answers: _Answers, prior: _FittedLengths | None = None) -> _FittedLengths:
        """Fit, shrinking few answers towards the lengths of another kind where those are given."""
        query, log_length, weight = answers
        shift = np.zeros(3)
        if prior is not None:
            shift[0] = self._shift(answers, prior)
        heads, residuals = [], np.zeros(len(query))
        for k, rows in enumerate(self._parts):
            coef = None if prior is None else prior.heads[k].coef_ + shift
            difficulty = self._difficulty[query[rows]]
            head = self._new().fit_line(difficulty, log_length[rows], weight[rows], coef)
            residuals[rows] = head.residuals(difficulty, log_length[rows])
            heads.append(head)
        if prior is None:
            self._impute_lines(heads, weight)

        some = np.flatnonzero(weight > 0)
        log_range = _range(log_length[some], prior)
        elsewhere = None if prior is None else prior.typical.residual_quantiles_
        pooled = shrunk_quantiles(residuals[some], weight[some], elsewhere)
        # Over all models, too, a query counts once.
        query_weight = weight[some] / np.bincount(query[some], weights=weight[some])[query[some]]
        typical = self._new()
        typical.coef_ = np.mean([head.coef_ for head in heads], axis=0)
        for rows, head in zip(self._parts, heads, strict=True):
            own = rows[weight[rows] > 0]
            head.fit_quantiles(self._columns[query[own]], residuals[own], weight[own], pooled)
        typical.fit_quantiles(self._columns[query[some]], residuals[some], query_weight, elsewhere)
        for head in (*heads, typical):
            head.range_ = log_range

        # Out-of-fold residuals of the regressors that are fitted to all models together.
        scores = self._standardised_residuals(query[some], residuals[some], query_weight)
        factor = self._sigma_factor(scores, query_weight, prior)
        typical.shape_ = fit_shape(scores / factor, query_weight[: len(scores)])
        by_row = np.full(len(query), np.nan)
        by_row[some[: len(scores)]] = scores
        for rows, head in zip(self._parts, heads, strict=True):
            own = rows[np.isfinite(by_row[rows])]
            head.shape_ = _model_shape(by_row[own], weight[own], typical.shape_)
        return _FittedLengths(heads, typical, factor)

    def _new(self) -> LengthHead:
        return LengthHead(self._like.learner, self._like.random_state, self._like.n_jobs)

    def _shift(self, answers: _Answers, prior: _FittedLengths) -> float:
        """Return the mean excess log length over the other kind, for like queries."""
        total = 0.0
        for rows, head in zip(self._parts, prior.heads, strict=True):
            of_rows = self._difficulty[answers.query[rows]]
            total += float(answers.weight[rows] @ head.residuals(of_rows, answers.log_length[rows]))
        return total / (answers.weight.sum() + _SHIFT_ROLLOUTS)

    def _impute_lines(self, heads: Sequence[LengthHead], weight: np.ndarray) -> None:
        """Give models without any answer of this kind the mean coefficients of the others."""
        observed = [bool(weight[rows].any()) for rows in self._parts]
        coefs = [head.coef_ for head, some in zip(heads, observed, strict=True) if some]
        for head, some in zip(heads, observed, strict=True):
            if not some:
                head.coef_ = np.mean(coefs, axis=0)

    def _sigma_factor(
        self, scores: np.ndarray, weight: np.ndarray, prior: _FittedLengths | None
    ) -> float:
        """Return the factor on sigma that gives the 80 % interval its coverage."""
        factor = 1.0
        if len(scores):
            half_width = weighted_quantiles(np.abs(scores), weight, [_CALIBRATED_LEVEL])[0]
            factor = float(np.clip(half_width / _CALIBRATED_SIGMAS, 0.5, 2.0))
        if prior is not None:  # few answers estimate a factor poorly
            trust = weight.sum() / (weight.sum() + _FACTOR_QUERIES)
            factor = float(factor**trust * prior.sigma_factor ** (1.0 - trust))
        return factor

    def _standardised_residuals(
        self, query: np.ndarray, residuals: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        """Return out-of-fold residuals in units of the predicted sigma; none for one query."""
        queries = np.random.default_rng(self._like.random_state).permutation(np.unique(query))
        folds = np.array_split(queries, max(min(_CALIBRATION_FOLDS, len(queries)), 1))
        if len(folds) < 2:
            return np.zeros(0)
        scores = np.zeros(len(query))
        for fold in folds:
            out = np.isin(query, fold)
            head = self._new().fit_quantiles(
                self._columns[query[~out]], residuals[~out], weight[~out]
            )
            median, sigma = head.predict_residuals(self._columns[query[out]])
            scores[out] = (residuals[out] - median) / np.maximum(sigma, 1e-9)
        return scores


def _range(log_length: np.ndarray, prior: _FittedLengths | None) -> tuple[float, float]:
    """Return the range of these answers, widened to that of the other kind where it is given."""
    other = () if prior is None else prior.typical.range_
    lengths = np.append(log_length, other)
    return float(lengths.min()), float(lengths.max())


def _model_shape(scores: np.ndarray, weight: np.ndarray, pooled: LengthShape) -> LengthShape:
    """Return a model's own shape, of residuals recentred and rescaled to its head's interval."""
    if weight.sum() < _MIN_SHAPE_QUERIES:
        return pooled
    centred = scores - weighted_quantiles(scores, weight, [0.5])[0]
    half_width = weighted_quantiles(np.abs(centred), weight, [_CALIBRATED_LEVEL])[0]
    scale = max(half_width / _CALIBRATED_SIGMAS, 1e-9)
    return fit_shape(centred / scale, weight, pooled)


def estimate_uncertainty(
    predicted: Sequence[Completion], attempts: Attempts, rollouts: Rollouts, random_state: int
) -> Uncertainty:
    """Estimate how far a query's own curve lies from its prediction, over queries and models.

    Parameters
    ----------
    predicted : sequence of Completion
        For each model, what is predicted of all queries.
    attempts, rollouts : Attempts, Rollouts
        The same rollouts in both forms.
    random_state : int
        Of the sample of pairs of query and model, where there are very many.
    """
    queries = len(predicted[0].success)
    pair = attempts.model * queries + attempts.query
    pairs, count = np.unique(pair, return_counts=True)
    repeated = np.random.default_rng(random_state).permutation(pairs[count >= 2])[:_MAX_PAIRS]
    rows = np.flatnonzero(np.isin(pair, repeated))
    own = rollouts.take(rows)
    named = Rollouts(
        [str(name) for name in pair[rows]], own.n_tokens, own.correct, truncated=own.truncated
    )
    index = named.query_ids.astype(np.int64)
    of_pairs = (
        np.array([completion[part] for completion in predicted])[index // queries, index % queries]
        for part in range(len(Completion._fields))
    )
    typical_sigma = float(np.median([completion.sigma for completion in predicted]))
    return fit_uncertainty(Completion(*of_pairs), named, typical_sigma)
