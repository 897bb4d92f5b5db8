"""Random programs: tenants, offers, floors, pins and several resources, feasible by construction.

Whole caps are drawn first, and amounts around what these caps use: limits above it, guarantees and
shares below it. So there is always an answer, and budgets run from scarce to ample.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from clear_opt.datasets.random_problems import FAMILIES
from clear_opt.errors import InvalidInputError
from clear_opt.lengths import LogNormalLengths
from clear_opt.problem import Constraint, FundedShare, Guarantee, Limit, Offer, Program
from clear_opt.problem.program import Basis
from clear_opt.solvers.program import LagrangianDual
from clear_opt.solvers.program.assignment import IDLE, Assignment

_MOST_QUERIES = 400
_OFFERS = 3
_TENANTS = 3
_AMPLE = 1e300  # amounts that are not settled yet


def random_program(
    *,
    seed: int | Sequence[int] | np.random.Generator,
    n: int | None = None,
    families: Sequence[str] = tuple(FAMILIES),
    basis: Basis = "reserved",
    smooth: bool = False,
) -> Program:
    """Draw a program with tenants, one to three offers, floors, two resources and weights.

    Parameters
    ----------
    seed : int or sequence of int or np.random.Generator
        Seed (a number or several) or generator; the same seed gives the same program.
    n : int, optional
        Number of queries; by default log-uniform from 3 to 400.
    families : sequence of str, optional
        Keys of `FAMILIES`; each offer draws one.
    basis : {"reserved", "expected"}, default="reserved"
        As for `Program`; in the expected basis lengths are log-normal.
    smooth : bool, default=False
        Whether to leave out what makes demand jump in ways that a small change of an amount shows:
        floors, ceilings, pins and shares.

    Returns
    -------
    Program
        Limits of tokens and money; each tenant may have a limit of its own, a guarantee, a funded
        share, or nothing. Some whole caps keep every row. Prices range over many decades.

    Examples
    --------
    >>> random_program(seed=4, n=5, families=["surge"])  # doctest: +ELLIPSIS
    Program(n=5, offers=[offer 0...
    """
    unknown = sorted(set(families) - set(FAMILIES))
    if unknown or not families:
        raise InvalidInputError(
            "is not known",
            column="families",
            value=unknown,
            remedy=f"use some of {list(FAMILIES)}",
        )
    rng = np.random.default_rng(seed)
    if n is None:
        n = int(np.exp(rng.uniform(np.log(3.0), np.log(_MOST_QUERIES))))
    offers = [
        _offer(rng, f"offer {k}", n, str(rng.choice(list(families))), basis)
        for k in range(int(rng.integers(1, _OFFERS + 1)))
    ]
    useful = np.max([_useful(offer) for offer in offers], axis=0)
    shown: dict[str, Any] = {} if smooth else _shape(rng, n, useful)
    weight = 10 ** rng.uniform(-0.5, 0.5, n)
    rows = _rows(rng, n, smooth)
    draft = Program(offers, rows, weight=weight, basis=basis, **shown)
    chosen = _some_caps(rng, LagrangianDual.of(draft))
    # Only queries that these caps fund can be pinned without a second thought.
    pinned = chosen.funded() & (rng.random(n) < (0.0 if smooth else 0.05))
    used = chosen.dual.sign * chosen.use().sum(axis=1)
    settled = [
        _settled(rng, row, float(amount), int(members.sum()))
        for row, amount, members in zip(rows, used, draft.members, strict=True)
    ]
    return Program(offers, settled, weight=weight, basis=basis, pinned=pinned, **shown)


def _offer(rng: np.random.Generator, name: str, n: int, family: str, basis: Basis) -> Offer:
    curves = FAMILIES[family](rng, n)
    rate = 10 ** rng.uniform(-2.0, 0.0)
    if rng.random() < 0.3:
        rate = rate * rng.uniform(0.5, 2.0, n)
    fixed = {"money": rate * rng.uniform(0.0, 200.0, n)}
    if rng.random() < 0.3:
        fixed["tokens"] = np.round(rng.uniform(0.0, 200.0, n))
    offer = Offer(name, curves, rate={"money": rate}, fixed=fixed)
    # A saturating curve's peak is where its last bit is reached: nobody would pay for that.
    useful = _useful(offer)
    offer = replace(offer, ceiling=np.where(useful < curves.peak, np.ceil(useful), np.inf))
    if basis == "expected":
        median = useful * 10 ** rng.uniform(-0.7, 0.3, n)
        lengths = LogNormalLengths(median, rng.uniform(0.2, 1.2, n))
        return replace(offer, lengths=lengths)
    return offer


def _useful(offer: Offer) -> np.ndarray:
    """Return caps that are plenty, tokens, shape (n,): saturating families never quite peak."""
    peak, threshold = np.asarray(offer.curves.peak), np.asarray(offer.curves.threshold)
    plenty = 20.0 * threshold + 100.0
    return np.minimum(peak, plenty) if offer.curves.saturates else peak


def _shape(rng: np.random.Generator, n: int, useful: np.ndarray) -> dict[str, Any]:
    floor = np.where(rng.random(n) < 0.15, np.floor(rng.uniform(0.0, 0.8, n) * useful), 0.0)
    room = np.floor(rng.uniform(0.2, 1.5, n) * useful)
    return {"floor": floor, "ceiling": np.where(rng.random(n) < 0.2, floor + room, np.inf)}


def _rows(rng: np.random.Generator, n: int, smooth: bool) -> list[Constraint]:
    """Draw constraints whose amounts are not settled yet."""
    rows: list[Constraint] = [Limit(_AMPLE), Limit(_AMPLE, "money")]
    tenant = rng.integers(0, _TENANTS, n)
    for label in range(_TENANTS):
        group = tenant == label
        name = f"tenant {label}"
        kind = rng.choice(["tokens", "money", "guarantee", "share", "none"])
        if not group.any() or kind == "none" or (smooth and kind == "share"):
            continue
        if kind == "guarantee":
            rows.append(Guarantee(0, group=group, name=name))
        elif kind == "share":
            rows.append(FundedShare(0, group=group, name=name))
        else:
            rows.append(Limit(_AMPLE, str(kind), group=group, name=name))
    return rows


def _some_caps(rng: np.random.Generator, dual: LagrangianDual) -> Assignment:
    """Draw an offer and a cap for some of the queries; the others are at their floors."""
    program = dual.program
    n = len(program)
    opened = np.stack([offered.can_fund for offered in dual.free_choices])
    offered = np.argmax(opened * rng.random(opened.shape), axis=0)
    able, taken = opened.any(axis=0), rng.random(n) < rng.uniform(0.05, 1.0)
    taken[np.argmax(able * rng.random(n))] = True  # at least one
    taken &= able
    resting = np.where(program.floor > 0, np.argmax(dual.can_idle, axis=0), IDLE)
    caps = program.floor.copy()
    part = rng.random(n) ** 2
    for k, one in enumerate(dual.free_choices):
        here = taken & (offered == k)
        wanted = one.cap_at(one.least + part * (one.most - one.least))
        caps[here] = np.maximum(wanted, one.breakeven_cap)[here]
    return Assignment(dual, np.where(taken, offered, resting), caps)


def _settled(rng: np.random.Generator, row: Constraint, used: float, members: int) -> Constraint:
    """Return a constraint an amount that the drawn caps keep."""
    if isinstance(row, Limit):
        return replace(row, amount=used * 10 ** rng.uniform(0.0, 0.4) + rng.uniform(1.0, 2.0))
    if isinstance(row, Guarantee):
        return replace(row, amount=abs(used) * rng.uniform(0.3, 1.0))
    return replace(row, share=np.floor(abs(used) * rng.uniform(0.5, 1.0)) / members)
