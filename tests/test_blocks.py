"""Formulas in blocks give what NumPy gives in one piece."""

import numpy as np
import pytest

from clear_opt._numerics.chunked import map_chunked, max_chunked, sum_chunked


def formula(queries, shift):
    one, other = queries
    return {"sum": one + other * shift, "row": one[:, None] * np.ones(3)}


def product(queries, shift):
    one, other = queries
    return one * other + shift


@pytest.fixture
def batch(monkeypatch):
    monkeypatch.setattr("clear_opt._numerics.chunked.BLOCK_QUERIES", 16)
    rng = np.random.default_rng(0)
    return rng.normal(size=53), rng.normal(size=53)


def test_each_query_gets_the_formulas_value_in_its_own_place(batch):
    found = map_chunked(formula, batch, 2.0)
    expected = formula(batch, 2.0)
    np.testing.assert_allclose(found["sum"], expected["sum"], rtol=1e-15)
    np.testing.assert_allclose(found["row"], expected["row"], rtol=1e-15)
    assert found["sum"].dtype == np.float64


def test_sums_and_maxima_leave_out_what_fills_the_last_block(batch):
    values = product(batch, -5.0)
    assert sum_chunked(product, batch, -5.0) == pytest.approx(values.sum(), rel=1e-14)
    assert max_chunked(product, batch, -5.0) == pytest.approx(values.max(), rel=1e-15)


def test_one_number_for_all_queries_is_read_once(batch):
    same = np.broadcast_to(3.0, (53,))
    np.testing.assert_allclose(
        map_chunked(product, (batch[0], same), 1.0), 3 * batch[0] + 1, rtol=1e-15
    )
    assert map_chunked(product, (same, same), 1.0).shape == (53,)
    assert sum_chunked(product, (same, same), 1.0) == pytest.approx(530.0)


def test_an_error_in_a_block_reaches_the_caller(batch):
    with pytest.raises(TypeError):
        map_chunked(product, (batch[0], None), 1.0)
