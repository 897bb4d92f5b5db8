"""One query's curve, its concave envelope, and its best response to a price."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from clear_opt._numerics.root_finding import bisect
from clear_opt.curves import Curve
from clear_opt.envelopes.concave import Envelope, concave_envelope
from clear_opt.errors import InvalidInputError
from clear_opt.plots.data.figure import Axis, Band, FigureData, Panel, Series
from clear_opt.plots.labels import tokens_label
from clear_opt.plots.styles import BLUE, DARK_GREY, GREEN, VERMILLION, Style
from clear_opt.problem import AllocationProblem

_POINTS = 401  # along a curve
_NEARLY = 0.98  # of its greatest value: saturating curves get there long before their peak
_HALVINGS = 40  # of the tokens up to there


def curve_data(
    curves: Curve,
    row: int = 0,
    *,
    floor: Any = 0.0,
    ceiling: Any = None,
    weight: Any = 1.0,
    price: float | None = None,
) -> FigureData:
    """Prepare the figure of one query's curve; see `clear_opt.plots.plot_curve`."""
    query = _query(curves, row, floor, ceiling, weight)
    if price is not None and not price >= 0:
        raise InvalidInputError("must be >= 0", column="price", value=price)
    response = None if price is None else _response(query, float(price))
    tokens = _caps(query, [] if response is None else [response.cap])
    value, envelope = query.value(tokens), query.hull(tokens)
    highest = max(float(np.nanmax(envelope)), float(value.max()), 1e-9)
    low, top = -0.02 * highest, 1.08 * highest  # the line at zero keeps its whole width

    plain = query.weight == 1
    hover = f"query {query.row}, cap %{{x:,.0f}} tokens: %{{y:{'.1%' if plain else '.3g'}}}"
    series = [
        Series(x=tokens, y=value, label="curve", hover=hover, style=Style(BLUE, width=2.4)),
        Series(x=tokens, y=envelope, label="concave envelope", hover=f"{hover} (envelope)",
               style=Style(VERMILLION, "--", width=1.6)),
    ]  # fmt: skip
    if query.threshold > 0:
        label = f"threshold, {tokens_label(query.threshold)}: concave from here"
        series.append(
            Series(
                x=np.full(2, query.threshold), y=np.array([low, top]), label=label, hover=label,
                style=Style(DARK_GREY, ":", width=1.2),
            )
        )  # fmt: skip
    if query.abandonment_price > 0:
        ring = Style(VERMILLION, "", "o", size=9, hollow=True, edge=1.8)
        series.append(_point(query.tangent, query.value(query.tangent), query.label, ring))
    if response is not None:
        series += _price_series(query, response, float(tokens[-1]), float(np.nanmax(envelope)))
    bands = [
        Band(x=np.array(ends), low=np.full(2, low), high=np.full(2, top),
             label="outside floor and ceiling")
        for ends in ((0.0, query.floor), (query.ceiling, float(tokens[-1])))
        if ends[0] < ends[1]
    ]  # fmt: skip
    worth = "chance of a right answer" if plain else "weighted chance of a right answer"
    panel = Panel(
        x=Axis(label="cap [tokens]", limits=(0.0, float(tokens[-1])), unit="tokens"),
        y=Axis(label=worth, limits=(low, top), unit="percent" if plain else "number"),
        bands=bands,
        series=series,
    )
    return FigureData(title=f"Query {query.row}: its curve and the envelope above it",
                      panels=[panel])  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Query:
    """One query: its curve, its envelope, its bounds in tokens, and its weight."""

    row: int
    curve: Curve
    envelope: Envelope
    floor: float
    ceiling: float
    weight: float

    def value(self, tokens: Any) -> np.ndarray:
        """Compute weighted success at caps of shape (m,) or a scalar, shape (m,)."""
        tokens = np.atleast_1d(tokens)
        return self.weight * self.curve.take(np.zeros(len(tokens), dtype=int)).value(tokens)

    def hull(self, tokens: np.ndarray) -> np.ndarray:
        """Compute the envelope at caps, shape (m,); NaN below the floor, flat beyond its end."""
        inside = np.clip(tokens, self.floor, self.end)
        values = np.array([float(self.envelope.value(at)[0]) for at in inside])
        return np.where(tokens >= self.floor, values, np.nan)

    @property
    def threshold(self) -> float:
        return float(self.curve.threshold[0])

    @property
    def tangent(self) -> float:
        return float(self.envelope.tangent[0])

    @property
    def end(self) -> float:
        return float(self.envelope.end[0])

    @property
    def abandonment_price(self) -> float:
        return float(self.envelope.abandonment_price[0])

    @property
    def label(self) -> str:
        """Where the envelope meets the curve, and what follows."""
        price = f"abandonment price {self.abandonment_price:.3g} per token"
        if self.tangent <= self.floor:
            return f"concave from its start; {price}"
        return f"tangent point, {tokens_label(self.tangent)}; slope of the chord: {price}"


def _query(curves: Curve, row: int, floor: Any, ceiling: Any, weight: Any) -> _Query:
    n = len(curves)
    if not -n <= row < n:
        raise InvalidInputError(
            f"there are {n} queries", column="row", value=row, remedy="rows count from 0"
        )
    problem = AllocationProblem(curves, 0, floor, ceiling, weight)  # refuses what cannot be used
    bounds = [float(value[row]) for value in (problem.floor, problem.ceiling, problem.weight)]
    row = range(n)[row]
    curve = problem.curves.take(np.array([row]))
    return _Query(row, curve, concave_envelope(curve, *bounds), *bounds)


def _caps(query: _Query, shown: list[float]) -> np.ndarray:
    """Choose caps along a curve, with its kinks and the ``shown`` ones among them, shape (m,)."""
    corners = np.asarray(query.curve.corners)[0].tolist()
    marked = [query.tangent, *shown]
    last = _right_edge(query, [*marked, 1.1 * query.floor, 1.5 * query.threshold])
    corners += [query.floor, query.threshold, query.end, query.ceiling, *marked]
    return np.union1d(np.linspace(0, last, _POINTS), [cap for cap in corners if 0 <= cap <= last])


def _right_edge(query: _Query, shown: list[float]) -> float:
    """Return the tokens up to which to draw a curve: a bit past its peak, if that is near."""
    low, high = query.floor, query.end
    enough = _NEARLY * query.hull(np.array([query.end]))[0]
    _, high = bisect(lambda cap: query.hull(np.array([cap]))[0] >= enough, low, high, _HALVINGS)
    high = float(high)
    near = query.end if query.end <= 2 * high else high
    return 1.25 * max([near, *(tokens for tokens in shown if np.isfinite(tokens)), 1.0])


@dataclass(frozen=True)
class _Response:
    """The best cap of a query that is funded at a price, and what funding gains net of cost."""

    price: float
    cap: float
    value: float
    surplus: float
    funded: bool


def _response(query: _Query, price: float) -> _Response:
    cap = max(float(query.envelope.response_if_funded(price)[0]), query.tangent)
    value = float(query.value(cap)[0])
    at_floor = float(query.envelope.start_value[0])
    surplus = value - at_floor - price * (cap - query.floor)
    return _Response(price, cap, value, surplus, 0 < query.abandonment_price >= price)


def _price_series(query: _Query, response: _Response, last: float, highest: float) -> list[Series]:
    """Return the line of costs up to the envelope's height, the surplus, and the best cap."""
    price, at_floor = response.price, float(query.envelope.start_value[0])
    reach = last
    if price > 0:
        reach = min(last, query.floor + (highest - at_floor) / price)
    series = [
        Series(
            x=np.array([query.floor, reach]),
            y=np.array([at_floor, at_floor + price * (reach - query.floor)]),
            label=f"what tokens cost at the price of {price:.3g} per token",
            style=Style(GREEN, "-.", width=1.4),
        )
    ]
    cap = tokens_label(response.cap)
    if response.funded:
        bar = [response.value - response.surplus, response.value]
        series.append(
            Series(x=np.full(2, response.cap), y=np.array(bar), label="surplus", legend=False,
                   style=Style(f"{GREEN}99", width=3))
        )  # fmt: skip
        label = f"best cap, {cap}: surplus (bar) {response.surplus:.3g}"
    elif query.abandonment_price <= 0:
        label = "abandoned: no cap within its ceiling gains anything"
    else:
        label = f"abandoned: its best cap, {cap}, falls {-response.surplus:.3g} short"
    style = Style(GREEN, "", "D" if response.funded else "X", size=7)
    return [*series, _point(response.cap, response.value, label, style)]


def _point(x: float, y: Any, label: str, style: Style) -> Series:
    return Series(x=np.array([x]), y=np.ravel(y), label=label, hover=label, style=style)
