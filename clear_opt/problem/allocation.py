"""The answer of every solve: caps, price, proof, and a reason for each query."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum, IntEnum
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from clear_opt._numerics.arrays import show_read_only
from clear_opt._numerics.formatting import format_amount
from clear_opt.errors import MissingExtraError
from clear_opt.problem.certificate import Certificate, Row

if TYPE_CHECKING:
    import pyarrow as pa


class Status(Enum):
    """How a solve ended; each member's value is the message a user reads, remedy included."""

    SOLVED = "solved: no allocation within the budget is better by more than the gap"
    BUDGET_SLACK = (
        "solved with tokens to spare: every query is at its peak or ceiling and the price is "
        "zero; lower the budget, raise ceilings, or keep the change"
    )
    EMPTY = "nothing to do: the batch has no queries"
    POLICY = "a simple policy's caps, not an optimum: solve() gives a better answer or proves none"
    NOT_CONVERGED = (
        "the price did not settle; the caps are feasible and the bound holds, but the gap may be "
        "wide: try the other solver"
    )
    INFEASIBLE = (
        "infeasible: no allocation keeps every constraint (floors above the budget, for one); "
        "relax one of those that are named, or leave out queries"
    )
    UNROUNDED = (
        "no whole caps were found that keep every constraint, though fractions of queries would; "
        "relax one of those that are named by the size of one query"
    )

    @property
    def ok(self) -> bool:
        """Whether the caps can be used as they are."""
        return self not in (Status.NOT_CONVERGED, Status.INFEASIBLE, Status.UNROUNDED)


IDLE = -1
"""The offer code of a query that no offer answers."""


class Reason(IntEnum):
    """Why a query got its cap; `Allocation.reasons` writes each out with its numbers."""

    FUNDED = 0
    PEAK = 1
    CEILING = 2
    MARGINAL = 3
    ABANDONED = 4
    NO_ROOM = 5
    HOPELESS = 6
    FLOOR = 7
    POLICY = 8
    OBLIGED = 9
    OUTPRICED = 10


@dataclass(frozen=True, eq=False, repr=False)
class Allocation:
    """Caps for a batch, the shadow price behind them, and a certificate.

    Attributes
    ----------
    tokens
        Caps, whole tokens, int64, shape (n,).
    funded
        Whether a query got tokens beyond its floor, or its floor already passes its threshold;
        shape (n,). The others are abandoned: they keep their floor alone.
    price
        Shadow price lambda, weighted success per token, >= 0: what one more token would be worth.
        With several constraints that of the first limit; `prices` has all.
    utility
        Expected weighted success of each query at its cap, shape (n,).
    abandonment_price
        Highest price at which a query is worth tokens, weighted success per token, shape (n,).
    surplus
        What funding a query gains at the price net of its tokens, weighted success, shape (n,).
        Negative for those rationally abandoned.
    reason_codes
        `Reason` of each query, int, shape (n,).
    certificate
        Dual bound, gap and KKT residuals.
    status
        How the solve ended.
    solver
        Name of what produced the caps.
    budget
        Tokens that could be spent; with several constraints the amount of the first limit.
    build_seconds, solve_seconds
        Wall time to set the problem up (envelopes, canonicalisation) and to solve it.
    offer_codes
        Index into ``offer_names`` of the offer that answers each query, -1 for none, shape (n,);
        ``None`` where the problem had no offers.
    offer_names
        Names of the offers.
    spend
        What each cap is expected to use, E min(L, cap) tokens, shape (n,); ``None`` where caps
        count.
    detail
        Where infeasible, the smallest set of constraints that contradict each other; where no whole
        caps were found, what the program asks for and what it limits.
    """

    tokens: np.ndarray
    funded: np.ndarray
    price: float
    utility: np.ndarray
    abandonment_price: np.ndarray
    surplus: np.ndarray
    reason_codes: np.ndarray
    certificate: Certificate
    status: Status
    solver: str
    budget: float
    build_seconds: float
    solve_seconds: float
    offer_codes: np.ndarray | None = None
    offer_names: tuple[str, ...] = ()
    spend: np.ndarray | None = None
    detail: str = ""

    def __post_init__(self) -> None:
        show_read_only(self)  # some arrays are the problem's own, the others what is certified

    @property
    def rows(self) -> tuple[Row, ...]:
        """The constraints, the budget first: what each uses, and its price."""
        return self.certificate.rows

    @property
    def prices(self) -> dict[str, float]:
        """Price of each constraint by name: what relaxing it by one unit would gain, >= 0."""
        return {row.name: row.price for row in self.rows}

    @property
    def offered(self) -> tuple[str | None, ...]:
        """Name of the offer that answers each query; ``None`` where none does."""
        if self.offer_codes is None:
            return (None,) * len(self)
        return tuple(self.offer_names[k] if k >= 0 else None for k in self.offer_codes.tolist())

    @property
    def expected_utility(self) -> float:
        """Expected weighted number of right answers; ``-inf`` if infeasible."""
        return self.certificate.primal_value

    @property
    def dual_bound(self) -> float:
        """Upper bound on what any allocation within the budget is worth."""
        return self.certificate.dual_bound

    @property
    def gap(self) -> float:
        """Duality gap in weighted success, >= 0."""
        return self.certificate.gap

    @property
    def relative_gap(self) -> float:
        """Duality gap as a share of the dual bound."""
        return self.certificate.relative_gap

    @property
    def spent(self) -> int:
        """Sum of the caps, tokens."""
        return int(self.tokens.sum())

    @property
    def expected_spend(self) -> float:
        """Tokens that the caps are expected to use; their sum where caps count."""
        return float(self.spent if self.spend is None else self.spend.sum())

    @property
    def unspent(self) -> float:
        """Units of the budget that are left: tokens, or what the first limit counts."""
        return self.budget - self.rows[0].used

    @property
    def n_funded(self) -> int:
        """Number of funded queries."""
        return int(self.funded.sum())

    @property
    def n_abandoned(self) -> int:
        """Number of abandoned queries."""
        return len(self) - self.n_funded

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return (
            f"Allocation(n={len(self)}, budget={self.budget:g}, spent={self.rows[0].used:g}, "
            f"funded={self.n_funded}, price={self.price:.4g}, gap={self.gap:.2g}, "
            f"solver={self.solver!r}, status={self.status.name})"
        )

    @cached_property
    def reasons(self) -> tuple[str, ...]:
        """One line for each query: why it got its cap."""
        several = len(self.offer_names) > 1
        return tuple(
            (f"{offer}: " if several and offer is not None else "")
            + _reason_text(Reason(code), self.price, ceded, surplus)
            for code, ceded, surplus, offer in zip(
                self.reason_codes.tolist(),
                self.abandonment_price.tolist(),
                self.surplus.tolist(),
                self.offered,
                strict=True,
            )
        )

    def to_table(self, query_ids: Any = None) -> pa.Table:
        """Return the allocation as a pyarrow table, one row per query.

        Parameters
        ----------
        query_ids
            Names of the queries, length n; row numbers by default.

        Returns
        -------
        pyarrow.Table
            Columns ``query_id, max_tokens, funded, expected_utility, abandonment_price, surplus,
            reason``; after ``max_tokens`` come ``offer`` where there were offers and
            ``expected_tokens`` where expected spend counts.

        Raises
        ------
        MissingExtraError
            If pyarrow is not installed.
        """
        try:
            import pyarrow as pa
        except ImportError:
            raise MissingExtraError("pyarrow", "tables") from None
        ids = np.arange(len(self)) if query_ids is None else query_ids
        more = {}
        if self.offer_codes is not None:
            more["offer"] = pa.array(self.offered, type=pa.string())
        if self.spend is not None:
            more["expected_tokens"] = self.spend
        return pa.table(
            {
                "query_id": pa.array(ids),
                "max_tokens": self.tokens,
                **more,
                "funded": self.funded,
                "expected_utility": self.utility,
                "abandonment_price": self.abandonment_price,
                "surplus": self.surplus,
                "reason": pa.array(self.reasons, type=pa.string()),
            }
        )

    def summary(self) -> str:
        """Return a few lines of text: what was decided, at what price, and how good it is."""
        if self.status is Status.INFEASIBLE:
            budget = (
                f"budget {format_amount(self.budget)} {self.rows[0].unit} for {len(self)} queries"
            )
            return "\n".join(filter(None, (self.status.value, budget, self.detail)))
        first = self.rows[0]
        used = f"{format_amount(first.used)} of {format_amount(self.budget)} {first.unit}"
        lines = [
            f"{len(self):,} queries, {used} spent",
            f"funded     {self.n_funded:,}   abandoned {self.n_abandoned:,}",
            *(f"offer      {line}" for line in self._offer_lines()),
            *(f"price      {row_in_words(row)}" for row in self.rows),
            f"expected   {self.expected_utility:,.4f} right answers (weighted)",
            f"bound      {self.dual_bound:,.4f}   gap {self.gap:.3g} "
            f"({100 * self.relative_gap:.2g} %)",
            f"solver     {self.solver}, {self.build_seconds + self.solve_seconds:.3f} s",
            f"status     {self.status.value}" + (f": {self.detail}" if self.detail else ""),
        ]
        if first.unit == "tokens" and self.unspent >= 1 and self.price > 0:
            lines.insert(
                1,
                f"unspent    {self.unspent:,.0f} tokens: fewer than any abandoned query needs to "
                "pay off, and the funded ones can use no more",
            )
        return "\n".join(lines)

    def _offer_lines(self) -> list[str]:
        if self.offer_codes is None or len(self.offer_names) < 2:
            return []
        return [
            f"{name}: {int((self.funded & (self.offer_codes == k)).sum()):,} queries"
            for k, name in enumerate(self.offer_names)
        ]


def row_in_words(row: Row) -> str:
    """Return what a constraint's price means.

    Examples
    --------
    >>> print(row_in_words(Row("budget", 0.002, 500, 500)))
    budget binds: one more token is worth 0.002 right answers, one more right answer costs 500
    >>> print(row_in_words(Row("team B's guaranteed tokens", 0.001, 90, 90, at_most=False)))
    team B's guaranteed tokens bind: one token less would free 0.001 right answers elsewhere
    """
    verb = "bind" if row.name.endswith("s") else "binds"
    one = {"tokens": "token", "queries": "query"}.get(row.unit, f"unit of {row.unit}")
    if not row.binds:
        used = f"{format_amount(row.used)} of {format_amount(row.amount)} {row.unit}"
        return f"0 for {row.name}: {used}, not scarce"
    if row.at_most:
        return (
            f"{row.name} {verb}: one more {one} is worth {row.price:.4g} right answers, "
            f"one more right answer costs {format_amount(1 / row.price, 4)}"
        )
    return f"{row.name} {verb}: one {one} less would free {row.price:.4g} right answers elsewhere"


def _reason_text(reason: Reason, price: float, ceded: float, surplus: float) -> str:
    match reason:
        case Reason.FUNDED:
            return f"funded: surplus {surplus:.3g} at price {price:.3g}"
        case Reason.PEAK:
            return "funded to its peak: more tokens would gain nothing"
        case Reason.CEILING:
            return f"funded to its ceiling: it would pay up to {ceded:.3g} per token"
        case Reason.MARGINAL:
            return "funded below its break-even cap: the tokens left had no better use"
        case Reason.ABANDONED:
            share = f"{ceded / price:.1%} of the price" if price > 0 else "the price"
            return f"abandoned: pays at most {ceded:.4g} per token, {share}"
        case Reason.NO_ROOM:
            return f"abandoned: it would pay {ceded:.4g} per token, but too few tokens were left"
        case Reason.HOPELESS:
            return "abandoned: no cap within its ceiling gains anything"
        case Reason.FLOOR:
            return "at its floor, which already passes its threshold"
        case Reason.POLICY:
            return "cap set by a simple policy"
        case Reason.OBLIGED:
            return f"funded at a loss of {-surplus:.3g}, because a constraint asks for it"
        case Reason.OUTPRICED:
            return f"abandoned: its best offer falls {-surplus:.3g} short of what it would cost"
