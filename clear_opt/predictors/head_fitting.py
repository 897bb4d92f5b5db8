"""Fit a head for each model, and learn from all of them how far predictions miss."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy.special import ndtri

from clear_opt.fitting import Completion
from clear_opt.predictors.distribution import Doubt, doubt_of_queries
from clear_opt.predictors.heads import ModelHead
from clear_opt.predictors.length_head import LengthHead, drawn_quantiles, weighted_quantiles
from clear_opt.predictors.length_shape import LengthShape, fit_shape
from clear_opt.rollouts import Rollouts

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from clear_opt.predictors.difficulty import Attempts

TYPICAL = "typical"
"""Name of the head that stands for no model in particular."""

_CALIBRATION_FOLDS = 3
_CALIBRATED_LEVEL = 0.8  # share of right answers inside the interval that the factor is set by
_FACTOR_WORTH = 50.0  # queries that the other kind's factor counts as
_OWN_SHAPE = 20.0  # queries below which a model has the usual shape
_SHIFT_WORTH = 2.0  # rollouts of no shift
_MOST_UNITS = 4000  # pairs of query and model from which the doubt is learned


class Heads(NamedTuple):
    """The heads by name, the typical one last, and what calibrates their spreads."""

    by_model: dict[str, ModelHead]
    spread_factor: float
    """On the log-spread of right answers."""
    wrong_spread_factor: float
    """On that of wrong ones."""


class _Answers(NamedTuple):
    """Answers of one kind, right or wrong; arrays of shape (rows,), zero weight for the others."""

    query: np.ndarray
    log_length: np.ndarray
    weight: np.ndarray


class _Lengths(NamedTuple):
    """What is learned of the lengths of one kind of answers: a head per model, and of them all."""

    heads: list[LengthHead]
    typical: LengthHead
    factor: float


def fit_heads(
    new_head: Callable[[], ModelHead],
    columns: np.ndarray,
    difficulty: np.ndarray,
    attempts: Attempts,
    models: Sequence[str],
) -> Heads:
    """Fit the heads, and find the factors that calibrate their spreads.

    Parameters
    ----------
    new_head
        Makes an unfitted head.
    columns
        Features and difficulty of each query, shape (queries, columns).
    difficulty
        Of each query, foretold without its own rollouts, shape (queries, 2).
    attempts
        The rollouts; ``attempts.model`` counts through ``models``.
    models
        Names; without any there is only the typical head.
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
        LengthHead(like.learner, like.seed, like.num_threads), columns, difficulty, parts
    ).fit(_Answers(query, attempts.log_length, weight * correct))
    # What features tell beyond the line of the few wrong answers was measured to be nothing that
    # changes an allocation; it would add nearly half to the files.
    wrong = _LengthFitting(LengthHead(None, like.seed), columns, difficulty, parts).fit(
        _Answers(query, attempts.wrong_log_length, weight * (1.0 - correct)), known=right
    )
    for head, of_right, of_wrong in zip(
        (*heads, typical), (*right.heads, right.typical), (*wrong.heads, wrong.typical), strict=True
    ):
        head.take_lengths(of_right, of_wrong)
    by_model = {**dict(zip(models, heads, strict=False)), TYPICAL: typical}
    return Heads(by_model, right.factor, wrong.factor)


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

    def fit(self, answers: _Answers, known: _Lengths | None = None) -> _Lengths:
        """Fit; what is ``known`` of another kind is what few answers are drawn towards."""
        query, log_length, weight = answers
        shift = np.zeros(3)
        if known is not None:
            shift[0] = self._shift(answers, known)
        heads, left = [], np.zeros(len(query))
        for k, rows in enumerate(self._parts):
            prior = None if known is None else known.heads[k].line_ + shift
            difficulty = self._difficulty[query[rows]]
            head = self._new().fit_line(difficulty, log_length[rows], weight[rows], prior)
            left[rows] = head.left_over(difficulty, log_length[rows])
            heads.append(head)
        if known is None:
            self._lend_lines(heads, weight)

        some = np.flatnonzero(weight > 0)
        reached = _range(log_length[some], known)
        elsewhere = None if known is None else known.typical.offsets_
        usual = drawn_quantiles(left[some], weight[some], elsewhere)
        # Over all models, too, a query counts once.
        share = weight[some] / np.bincount(query[some], weights=weight[some])[query[some]]
        typical = self._new()
        typical.line_ = np.mean([head.line_ for head in heads], axis=0)
        for rows, head in zip(self._parts, heads, strict=True):
            own = rows[weight[rows] > 0]
            head.fit_quantiles(self._columns[query[own]], left[own], weight[own], usual)
        typical.fit_quantiles(self._columns[query[some]], left[some], share, elsewhere)
        for head in (*heads, typical):
            head.range_ = reached

        # What is missed on queries held out, by whoever knows the models together.
        misses = self._held_out_misses(query[some], left[some], share)
        factor = self._factor(misses, share, known)
        typical.shape_ = fit_shape(misses / factor, share[: len(misses)])
        placed = np.full(len(query), np.nan)
        placed[some[: len(misses)]] = misses
        for rows, head in zip(self._parts, heads, strict=True):
            own = rows[np.isfinite(placed[rows])]
            head.shape_ = _own_shape(placed[own], weight[own], typical.shape_)
        return _Lengths(heads, typical, factor)

    def _new(self) -> LengthHead:
        return LengthHead(self._like.learner, self._like.seed, self._like.num_threads)

    def _shift(self, answers: _Answers, known: _Lengths) -> float:
        """Give how much longer these answers usually are than the other kind to like queries."""
        total = 0.0
        for rows, head in zip(self._parts, known.heads, strict=True):
            left = head.left_over(self._difficulty[answers.query[rows]], answers.log_length[rows])
            total += float(answers.weight[rows] @ left)
        return total / (answers.weight.sum() + _SHIFT_WORTH)

    def _lend_lines(self, heads: Sequence[LengthHead], weight: np.ndarray) -> None:
        """Give models that were never right the lengths of the others: they have none to show."""
        told = [bool(weight[rows].any()) for rows in self._parts]
        lines = [head.line_ for head, some in zip(heads, told, strict=True) if some]
        for head, some in zip(heads, told, strict=True):
            if not some:
                head.line_ = np.mean(lines, axis=0)

    def _factor(self, misses: np.ndarray, weight: np.ndarray, known: _Lengths | None) -> float:
        """Give the factor on the spread that makes the 80 % interval hold."""
        factor = 1.0
        if len(misses):
            reach = weighted_quantiles(np.abs(misses), weight, [_CALIBRATED_LEVEL])[0]
            factor = float(np.clip(reach / ndtri(0.5 + _CALIBRATED_LEVEL / 2.0), 0.5, 2.0))
        if known is not None:  # few answers tell a factor badly
            trust = weight.sum() / (weight.sum() + _FACTOR_WORTH)
            factor = float(factor**trust * known.factor ** (1.0 - trust))
        return factor

    def _held_out_misses(
        self, query: np.ndarray, left: np.ndarray, weight: np.ndarray
    ) -> np.ndarray:
        """Give what held-out predictions miss, in predicted spreads; nothing of one query."""
        queries = np.random.default_rng(self._like.seed).permutation(np.unique(query))
        folds = np.array_split(queries, max(min(_CALIBRATION_FOLDS, len(queries)), 1))
        if len(folds) < 2:
            return np.zeros(0)
        misses = np.zeros(len(query))
        for fold in folds:
            out = np.isin(query, fold)
            head = self._new().fit_quantiles(self._columns[query[~out]], left[~out], weight[~out])
            median, spread = head.predict_left_over(self._columns[query[out]])
            misses[out] = (left[out] - median) / np.maximum(spread, 1e-9)
        return misses


def _range(log_length: np.ndarray, known: _Lengths | None) -> tuple[float, float]:
    """Give the range of these answers, and of the other kind where that is known: few tell less."""
    other = () if known is None else known.typical.range_
    lengths = np.append(log_length, other)
    return float(lengths.min()), float(lengths.max())


def _own_shape(misses: np.ndarray, weight: np.ndarray, usual: LengthShape) -> LengthShape:
    """Give a model's shape: that of its misses, brought to the middle and reach its head has."""
    if weight.sum() < _OWN_SHAPE:
        return usual
    away = misses - weighted_quantiles(misses, weight, [0.5])[0]
    reach = weighted_quantiles(np.abs(away), weight, [_CALIBRATED_LEVEL])[0]
    scale = max(reach / float(ndtri(0.5 + _CALIBRATED_LEVEL / 2.0)), 1e-9)
    return fit_shape(away / scale, weight, usual)


def learn_doubt(
    predicted: Sequence[Completion], attempts: Attempts, rollouts: Rollouts, seed: int
) -> Doubt:
    """Learn how far a query's own curve lies from its prediction, over queries and models.

    Parameters
    ----------
    predicted
        For each model, what is predicted of all queries.
    attempts, rollouts
        The same rollouts in both forms.
    seed
        Of the choice of pairs of query and model, where there are very many.
    """
    queries = len(predicted[0].success)
    unit = attempts.model * queries + attempts.query
    units, count = np.unique(unit, return_counts=True)
    repeated = np.random.default_rng(seed).permutation(units[count >= 2])[:_MOST_UNITS]
    rows = np.flatnonzero(np.isin(unit, repeated))
    own = rollouts.take(rows)
    named = Rollouts(
        [str(name) for name in unit[rows]], own.n_tokens, own.correct, truncated=own.truncated
    )
    place = named.query_ids.astype(np.int64)
    of_units = (
        np.array([found[part] for found in predicted])[place // queries, place % queries]
        for part in range(len(Completion._fields))
    )
    usual_spread = float(np.median([found.spread for found in predicted]))
    return doubt_of_queries(Completion(*of_units), named, usual_spread)
