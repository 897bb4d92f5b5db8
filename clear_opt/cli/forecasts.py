"""What each offer of a plan would do with the queries of a file: predicted, or read from files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import typer

from clear_opt.cli.common import (
    DEFAULT_PREDICTOR,
    described_by,
    load_learned,
    note,
    note_outside,
    note_unused,
    predict_in_chunks,
    working,
)
from clear_opt.cli.options import Asked

if TYPE_CHECKING:
    import pandas as pd

    from clear_opt.inputs import Forecast, Plan, PlannedOffer, QueryTable
    from clear_opt.predictors import SurgePredictor


def forecasts_of(plan: Plan, table: QueryTable, asked: Asked) -> dict[str, Forecast]:
    """Return the forecast of each offer, and note what was not used or had to be assumed."""
    from clear_opt.inputs import PlannedOffer, given

    source = _Predictions(table, asked)
    offers = plan.offers or (PlannedOffer(name=asked.model or "model", model=asked.model),)
    found: dict[str, Forecast] = {}
    for offer in offers:
        if offer.curves is None and table.curves is None:
            found[offer.name] = source.forecast(offer, plan)
            continue
        own = _table_of(offer, table, asked)
        found[offer.name] = given(own, table.query_ids)
        if plan.basis == "expected" and own.lengths is None and len(own):
            note(
                f"{own.path} gives no lengths (length_median, length_spread): answers are taken "
                "to end where their curves rise, right or wrong; wrong ones are often longer"
            )
    tenants = [plan.tenant_column] if plan.tenants else []
    note_unused(table, [*source.columns, *tenants])
    if (asked.predictor or asked.model) and not source.learned:
        note("predictor not used: files give the curves")
    if plan.overrun_probability is not None and plan.spend_error is None and len(table):
        _note_margin(offers, found, learned=bool(source.learned))
    return found


def _note_margin(
    offers: Sequence[PlannedOffer], found: Mapping[str, Forecast], *, learned: bool
) -> None:
    """Note what the margin of a chance bound rests on, where that is little."""
    if not learned:
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
    """Predictors by name, each loaded once, and what they say of the queries."""

    table: QueryTable
    asked: Asked
    learned: dict[str, tuple[SurgePredictor, pd.DataFrame]] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        """Columns of the file that some predictor reads."""
        return [name for one, _ in self.learned.values() for name in one.columns_]

    def forecast(self, offer: PlannedOffer, plan: Plan) -> Forecast:
        """Predict an offer's answers."""
        name = offer.predictor or self.asked.predictor or DEFAULT_PREDICTOR
        if name not in self.learned:
            one = load_learned(name, self.asked.tracking_uri)
            queries = described_by(self.table, one)
            note_outside(one, queries)
            self.learned[name] = one, queries
        return predict_in_chunks(*self.learned[name], offer.model, plan.basis)


def _table_of(offer: PlannedOffer, table: QueryTable, asked: Asked) -> QueryTable:
    """Return the table with an offer's curves: one of its own, or that of the queries."""
    from clear_opt.inputs import read_queries

    if offer.curves is None:
        if asked.plan is not None and len(table) and (offer.model or offer.predictor):
            raise typer.BadParameter(
                f"offer {offer.name!r} of {asked.plan} names a model or predictor, but "
                f"{table.path} gives curves; give the offer curves of its own, or take the curves' "
                "columns out to predict from texts"
            )
        return table
    assert asked.plan is not None  # offers come from plans
    with working("Reading curves"):
        own = read_queries(asked.plan.parent / offer.curves)
    if more := len(set(own.query_ids) - set(table.query_ids)):
        rows = "1 row is" if more == 1 else f"{more:,} rows are"
        note(f"{own.path}: {rows} about no query of {table.path}")
    return own
