"""Forecasts of every offer of a plan: predicted, or read from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from clear_opt.cli.common import (
    load_fitted,
    note,
    note_out_of_distribution,
    note_unused,
    predict_in_chunks,
    predictor_inputs,
    working,
)
from clear_opt.cli.option_types import DEFAULT_PREDICTOR
from clear_opt.cli.options import SharedOptions

if TYPE_CHECKING:
    import pandas as pd

    from clear_opt.inputs import Forecast, Plan, PlannedOffer, QueryTable
    from clear_opt.predictors import SurgePredictor


def offer_forecasts(plan: Plan, table: QueryTable, options: SharedOptions) -> dict[str, Forecast]:
    """Return the forecast of each offer, and note what was not used or had to be assumed."""
    from clear_opt.inputs import PlannedOffer, forecast_from_columns

    source = _Predictions(table, options)
    offers = plan.offers or (PlannedOffer(name=options.model or "model", model=options.model),)
    found: dict[str, Forecast] = {}
    for offer in offers:
        if offer.curves is None and table.curves is None:
            found[offer.name] = source.forecast(offer, plan)
            continue
        own = _table_of(offer, table, options)
        found[offer.name] = forecast_from_columns(own, table.query_ids)
        if plan.basis == "expected" and own.lengths is None and len(own):
            note(
                f"{own.path} gives no lengths (length_median, length_spread): answers are taken "
                "to end where their curves rise, right or wrong; wrong ones are often longer"
            )
    tenants = [plan.tenant_column] if plan.tenants else []
    note_unused(table, [*source.columns, *tenants])
    if (options.predictor or options.model) and not source.fitted:
        note("predictor not used: files give the curves")
    if plan.overrun_probability is not None and plan.spend_error is None and len(table):
        _note_margin(offers, found, predicted=bool(source.fitted))
    return found


def _note_margin(
    offers: Sequence[PlannedOffer], found: Mapping[str, Forecast], *, predicted: bool
) -> None:
    """Print what the margin of a chance constraint rests on, where that is little."""
    if not predicted:
        note(
            "the margin covers how far single answers stray; what all given lengths may have wrong "
            "together is not known: a plan's spend_error can say it"
        )
        return
    for offer in offers:
        error = found[offer.name].spend_error
        if offer.model is None and error > 0:
            note(
                f"predicted spend of a typical model is off by {100 * error:.0f} % (one standard "
                "error), which the margin covers too: name the model to keep less back"
            )
            return


@dataclass
class _Predictions:
    """Predictors by name, each loaded once, and their inputs."""

    table: QueryTable
    options: SharedOptions
    fitted: dict[str, tuple[SurgePredictor, pd.DataFrame]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Columns of the file that some predictor reads."""
        return [name for one, _ in self.fitted.values() for name in one.columns_]

    def forecast(self, offer: PlannedOffer, plan: Plan) -> Forecast:
        """Predict what an offer would do with the queries."""
        name = offer.predictor or self.options.predictor or DEFAULT_PREDICTOR
        if name not in self.fitted:
            one = load_fitted(name, self.options.tracking_uri)
            queries = predictor_inputs(self.table, one)
            note_out_of_distribution(one, queries)
            self.fitted[name] = one, queries
        return predict_in_chunks(*self.fitted[name], offer.model, plan.basis)


def _table_of(offer: PlannedOffer, table: QueryTable, options: SharedOptions) -> QueryTable:
    """Return the table with an offer's curves: one of its own, or that of the queries."""
    from clear_opt.inputs import read_queries

    if offer.curves is None:
        if options.plan is not None and len(table) and (offer.model or offer.predictor):
            raise typer.BadParameter(
                f"offer {offer.name!r} of {options.plan} names a model or predictor, but "
                f"{table.path} gives curves; give the offer curves of its own, or take the curves' "
                "columns out to predict from texts"
            )
        return table
    assert options.plan is not None  # offers come from plans
    with working("Reading curves"):
        own = read_queries(options.plan.parent / offer.curves)
    if more := len(set(own.query_ids) - set(table.query_ids)):
        rows = "1 row is" if more == 1 else f"{more:,} rows are"
        note(f"{own.path}: {rows} about no query of {table.path}")
    return own
