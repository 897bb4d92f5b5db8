"""Curves as a table that `read_queries` reads back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from clear_opt.curves import ShiftedSurge


def curve_table(query_ids: Sequence[str], curves: ShiftedSurge) -> pa.Table:
    """Return the parameters of surges, one row per query.

    Parameters
    ----------
    query_ids : sequence of str
        Names of the queries, length n.
    curves : ShiftedSurge
        Their curves.

    Returns
    -------
    pyarrow.Table
        Columns ``query_id, tau`` (tokens), ``alpha`` (success per token), ``beta`` (per token),
        ``height`` (probability), ``width`` (tokens from threshold to peak).
    """
    beta = np.asarray(curves.beta)
    return pa.table(
        {
            "query_id": pa.array(list(query_ids), pa.string()),
            "tau": np.asarray(curves.tau),
            "alpha": np.asarray(curves.alpha),
            "beta": beta,
            # A height of 1 may come back from alpha and beta a last digit above it.
            "height": np.minimum(curves.height, 1.0),
            "width": 1.0 / beta,
        }
    )
