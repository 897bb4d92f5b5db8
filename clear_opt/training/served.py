"""Serve a predictor by MLflow's generic loader: a table of queries in, their curves out.

MLflow imports this module by its name, which is written in a logged model, and gives it the folder
of the predictor's own files. `clear_opt.predictors.load_predictor` needs neither.
"""

from __future__ import annotations

from typing import Any

import pandas as pd

from clear_opt.inputs import curve_table
from clear_opt.predictors import load_predictor

OUTPUTS = ("tau", "alpha", "beta", "height", "width")
"""Columns of a served prediction, float64."""


class ServedPredictor:
    """A predictor with the interface that MLflow expects."""

    def __init__(self, predictor: Any) -> None:
        self.predictor = predictor

    def predict(
        self, model_input: pd.DataFrame, params: dict[str, Any] | None = None
    ) -> pd.DataFrame:
        """Return the curve parameters of each row.

        Parameters
        ----------
        model_input : pandas.DataFrame
            The columns that the predictor was trained on.
        params : dict, optional
            ``model``: whose answers; a typical model's where it is empty.
        """
        named = {"model": model} if (model := (params or {}).get("model")) else {}
        curves = self.predictor.predict(model_input, **named)
        return curve_table([""] * len(curves), curves).select(list(OUTPUTS)).to_pandas()


def _load_pyfunc(folder: str) -> ServedPredictor:
    return ServedPredictor(load_predictor(folder))
