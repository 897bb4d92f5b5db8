"""Slow, plain answers that share no code with the package: the truth of the solver tests."""

import itertools

import numpy as np
from scipy.special import lambertw


def best_on_grid(problem, points=61):
    """Best value over a grid of caps (n <= 4), by trying every combination within the budget."""
    n = len(problem)
    utilities, caps = [], []
    for query in range(n):
        floor = problem.floor[query]
        most = min(problem.ceiling[query], problem.budget, problem.curves.peak[query] + 1)
        grid = np.unique(np.append(np.floor(np.linspace(floor, max(most, floor), points)), floor))
        curve = problem.curves.take(np.array([query]))
        caps.append(grid)
        utilities.append(problem.weight[query] * np.array([curve.value(c)[0] for c in grid]))
    best = -np.inf
    for choice in itertools.product(*(range(len(grid)) for grid in caps[:-1])):
        spent = sum(caps[i][c] for i, c in enumerate(choice))
        fits = caps[-1] <= problem.budget - spent
        if fits.any():
            value = sum(utilities[i][c] for i, c in enumerate(choice))
            best = max(best, value + utilities[-1][fits].max())
    return best


def dual_by_sampling(problem, prices, points=4001):
    """Dual bound at prices, the inner maximum taken over a dense grid of caps per query.

    It lies below the true bound by what the grid misses, for each price.
    """
    peak = np.minimum(problem.curves.peak, 1e12)
    end = np.maximum(np.minimum(problem.ceiling, peak), problem.floor)
    share = np.linspace(0.0, 1.0, points)
    threshold = np.clip(problem.curves.threshold, problem.floor, end)
    below = problem.floor + share[:, None] * (threshold - problem.floor)
    above = threshold + share[:, None] ** 2 * (end - threshold)
    caps = np.concatenate([below, above])
    values = problem.weight * np.stack([problem.curves.value(row) for row in caps])
    return np.array(
        [price * problem.budget + (values - price * caps).max(axis=0).sum() for price in prices]
    )


def clear_by_bisection(tau, alpha, beta, budget, steps=400):
    """Clearing price of shifted surges as in the paper: bisection with SciPy's Lambert W."""

    def demand(price):
        cap = tau + (1 - lambertw(np.minimum(np.e * price / alpha, np.e)).real) / beta
        utility = alpha * (cap - tau) * np.exp(-beta * (cap - tau))
        return np.where(utility - price * cap >= 0, cap, 0.0).sum()

    low, high = 0.0, float(alpha.max())
    if demand(0.0) <= budget:
        return 0.0
    for _ in range(steps):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if demand(middle) > budget else (low, middle)
    return high


def largest_envelope_error(problem, points=300):
    """Largest distance between a query's envelope and its curve, over dense caps."""
    envelope = problem.envelope
    share = np.linspace(0.0, 1.0, points)[:, None]
    caps = envelope.start + share * (np.minimum(envelope.end, 1e12) - envelope.start)
    chord = envelope.start + share * (envelope.tangent - envelope.start)
    rows = np.concatenate([caps, chord])
    return max(float((envelope.value(row) - problem.utility(row)).max()) for row in rows)


def best_in_whole_tokens(problem):
    """Exact optimum without floors and ceilings, by dynamic programming over the budget."""
    budget = int(problem.budget)
    best = np.zeros(budget + 1)
    for query in range(len(problem)):
        curve = problem.curves.take(np.array([query]))
        utility = problem.weight[query] * np.ravel(curve.value(np.arange(budget + 1.0)))
        best = np.array([(best[: b + 1] + utility[b::-1]).max() for b in range(budget + 1)])
    return best[-1]
