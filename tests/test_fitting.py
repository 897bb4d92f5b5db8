import numpy as np
import pytest
from scipy.special import ndtr

from clear_opt.fitting.surge_shape import (
    LARGEST_SPREAD,
    SMALLEST_SPREAD,
    completion_caps,
    fit_shape,
    surge_shape,
)

# --- the surge of a spread


def brute_force(spread):
    """Least squares over a fine grid of thresholds and widths, refined around the best."""
    caps = completion_caps(spread)
    target = ndtr(np.log(caps) / spread)
    tau, width, reach = np.linspace(0, 1, 41), np.geomspace(0.05, 12, 81), (0.05, 0.15)
    for _ in range(5):
        y = np.clip((caps - tau[:, None, None]) / width[:, None], 0, 1)
        surge = y * np.exp(1 - y)
        height = np.clip(surge @ target / (surge**2).sum(axis=-1), 0, 1)
        loss = ((height[..., None] * surge - target) ** 2).sum(axis=-1)
        i, j = np.unravel_index(loss.argmin(), loss.shape)
        best = loss[i, j], tau[i], width[j], height[i, j]
        tau = np.clip(tau[i] + reach[0] * np.linspace(-1, 1, 31), 0, None)
        width = width[j] * np.exp(reach[1] * np.linspace(-1, 1, 31))
        reach = (reach[0] / 3, reach[1] / 3)
    return best


@pytest.mark.parametrize("spread", [0.05, 0.1, 0.3, 0.6, 1.0, 1.5])
def test_the_fit_is_the_least_squares_one(spread):
    loss, tau, width, height = brute_force(spread)
    fit = fit_shape(spread)
    caps = completion_caps(spread)
    y = np.clip((caps - fit.tau) / fit.width, 0, 1)
    own_loss = np.sum((fit.height * y * np.exp(1 - y) - ndtr(np.log(caps) / spread)) ** 2)
    assert own_loss <= loss * (1 + 1e-6)
    assert np.stack(fit) == pytest.approx([tau, width, height], rel=2e-3, abs=1e-3)


def test_reading_off_the_grid_is_as_good_as_fitting():
    spread = np.linspace(0.06, 1.4, 29)
    fitted = np.transpose([fit_shape(s) for s in spread])
    assert np.stack(surge_shape(spread)) == pytest.approx(fitted, abs=0.02)


def test_spreads_outside_the_grid_are_read_as_its_ends():
    shape = surge_shape(np.array([0.0, SMALLEST_SPREAD, LARGEST_SPREAD, 9.0]))
    for values in shape:
        assert values[0] == values[1]
        assert values[2] == values[3]


def test_the_peak_lies_beyond_the_90_percent_quantile():
    spread = np.array([0.1, 0.3, 0.5, 1.0])
    shape = surge_shape(spread)
    assert (shape.tau + shape.width > np.exp(1.2816 * spread)).all()
    assert (shape.tau < 1).all()
