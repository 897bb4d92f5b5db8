"""Posterior of each query's state by adaptive Gauss-Hermite quadrature around its mode.

The posterior of a state (logit h, log m, log s) is a Gaussian prior times the likelihood. Its mode
comes from Newton steps with Levenberg-Marquardt damping on all queries at once. The covariance of
the Laplace approximation there (Tierney and Kadane 1986; MacKay 1992) scales the nodes of a
Gauss-Hermite rule, which are weighted by the posterior density (Naylor and Smith 1982). Sums over
the nodes are posterior means, also where the posterior is skewed, as after a single rollout.

References: L. Tierney and J. B. Kadane, Journal of the American Statistical Association 81, 82-86.
D. J. C. MacKay, Neural Computation 4, 415-447. J. C. Naylor and A. F. M. Smith, Applied Statistics
31, 214-225.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator

    from clear_opt.fitting.likelihood import Evidence

_NODES = 5  # per dimension: variances are right to about 1 %, with 3 to about 10 %
_MORE_NODES = 7  # where many are censored: the posterior may be bimodal (right later, or never)
_MANY = 0.1  # fraction of queries with such a generation from which more nodes are used
_STEPS = 60  # most Newton steps; typical fits take under ten, and two from a mode nearby
_SETTLED = 1e-9  # Newton decrement, in units of the log posterior, that ends the search


@dataclass(frozen=True, eq=False)
class Posterior:
    """Weighted nodes for the state of each of n queries.

    Attributes
    ----------
    mode : numpy.ndarray, shape (n, 3)
        Most probable state.
    factor : numpy.ndarray, shape (n, 3, 3)
        Lower Cholesky factor of the covariance of the Laplace approximation.
    rule : numpy.ndarray, shape (k, 3)
        Nodes of a standard normal; a query's lie at ``mode + factor @ node``.
    weights : numpy.ndarray, shape (n, k)
        Weight of each node; a query's sum to 1.
    log_evidence : numpy.ndarray, shape (n,)
        Log of the marginal likelihood of each query's rollouts.
    """

    mode: np.ndarray
    factor: np.ndarray
    rule: np.ndarray
    weights: np.ndarray
    log_evidence: np.ndarray

    def nodes(self) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Yield the nodes: the weight of each, shape (n,), and its state, shape (n, 3)."""
        for k, node in enumerate(self.rule):
            yield self.weights[:, k], self.mode + self.factor @ node

    def moments(self) -> tuple[np.ndarray, np.ndarray]:
        """Return mean (n, 3) and covariance (n, 3, 3) of the state."""
        first = self.weights @ self.rule
        outer = (self.rule[:, :, None] * self.rule[:, None, :]).reshape(-1, 9)
        second = (self.weights @ outer).reshape(-1, 3, 3)
        scatter = second - first[:, :, None] * first[:, None, :]
        mean = self.mode + (self.factor @ first[:, :, None])[:, :, 0]
        return mean, self.factor @ scatter @ self.factor.transpose(0, 2, 1)


def posterior(
    evidence: Evidence, mean: np.ndarray, covariance: np.ndarray, start: np.ndarray | None = None
) -> Posterior:
    """Compute the posterior of each query's state.

    Parameters
    ----------
    evidence : Evidence
        The rollouts of n queries.
    mean : numpy.ndarray, shape (n, 3) or (3,)
        Prior mean of the state (logit success, log median tokens, log sigma).
    covariance : numpy.ndarray, shape (3, 3)
        Prior covariance, positive definite.
    start : numpy.ndarray, shape (n, 3), optional
        States to search from; the prior mean by default.
    """
    mean = np.broadcast_to(mean, (len(evidence), 3))
    precision = np.linalg.inv(covariance)
    mode, curvature = _find_mode(evidence, mean, precision, mean if start is None else start)
    factor = np.linalg.cholesky(np.linalg.inv(curvature))
    many = len(set(evidence.cut_query)) > _MANY * len(evidence)
    nodes, base = _rule(_MORE_NODES if many else _NODES)
    log_weight = np.empty((len(mode), len(nodes)))
    for k, (node, weight) in enumerate(zip(nodes, base, strict=True)):
        value = _log_posterior(evidence, mean, precision, mode + factor @ node)
        log_weight[:, k] = value + 0.5 * (node @ node) + np.log(weight)
    top = log_weight.max(axis=1, keepdims=True)
    weights = np.exp(log_weight - top)
    total = weights.sum(axis=1, keepdims=True)
    # The prior's density lacks its factor |covariance|^-1/2 so far, the nodes' volume |factor|.
    volume = np.log(np.einsum("nii->ni", factor)).sum(axis=1)
    log_evidence = (top + np.log(total))[:, 0] + volume + 0.5 * np.linalg.slogdet(precision)[1]
    return Posterior(mode, factor, nodes, weights / total, log_evidence)


def _log_posterior(
    evidence: Evidence, mean: np.ndarray, precision: np.ndarray, state: np.ndarray
) -> np.ndarray:
    away = state - mean
    return evidence.log_likelihood(state) - 0.5 * ((away @ precision) * away).sum(axis=1)


def _find_mode(
    evidence: Evidence, mean: np.ndarray, precision: np.ndarray, start: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return each mode, by damped Newton steps, and the curvature there."""
    state = np.array(start)
    value = _log_posterior(evidence, mean, precision, state)
    damping = np.zeros(len(state))
    curvature = np.empty((len(state), 3, 3))
    for _ in range(_STEPS):
        slopes = evidence.slopes(state)
        gradient = slopes.gradient - (state - mean) @ precision
        curvature = _definite(slopes.curvature + precision, slopes.safe + precision)
        raised = curvature * (1.0 + damping[:, None, None] * np.eye(3))
        step = np.linalg.solve(raised, gradient[:, :, None])[:, :, 0]
        if ((step * gradient).sum(axis=1) * (1.0 + damping) < _SETTLED).all():
            break
        proposal = state + step
        # A far step may leave the range of exp; the comparison then refuses it.
        with np.errstate(over="ignore", invalid="ignore"):
            reached = _log_posterior(evidence, mean, precision, proposal)
        better = reached >= value - 1e-12 * np.abs(value)
        state = np.where(better[:, None], proposal, state)
        value = np.where(better, reached, value)
        eased = np.where(damping < 1e-2, 0.0, damping / 8.0)
        damping = np.where(better, eased, np.maximum(8.0 * damping, 0.1))
    return state, curvature


def _definite(matrices: np.ndarray, otherwise: np.ndarray) -> np.ndarray:
    """Return each matrix where it is safely positive definite, else its replacement."""
    scale = 1.0 / np.sqrt(np.einsum("nii->ni", otherwise))
    least = np.linalg.eigvalsh(matrices * scale[:, :, None] * scale[:, None, :])[:, 0]
    return np.where((least > 1e-2)[:, None, None], matrices, otherwise)


@cache
def _rule(per_dimension: int) -> tuple[np.ndarray, np.ndarray]:
    """Return nodes (k, 3) and weights (k,) of the Gauss-Hermite rule for a standard normal."""
    node, weight = np.polynomial.hermite_e.hermegauss(per_dimension)
    nodes = np.stack(np.meshgrid(node, node, node, indexing="ij"), axis=-1).reshape(-1, 3)
    weights = np.einsum("i,j,k->ijk", weight, weight, weight).ravel()
    return nodes, weights / weights.sum()
