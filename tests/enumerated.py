"""What a small program can do, by trying every whole cap of every offer for every query."""

from dataclasses import replace

import numpy as np

from clear_opt import FundedShare, Guarantee, Limit

HIGHEST = 400


def useful(curves, query, floor, highest, block=10):
    """Give the caps that one query may get, and the first that breaks even, on a fine grid."""
    fine = np.arange(floor, highest + 0.02, 0.05)
    value = np.asarray(curves.take(np.full(len(fine), query)).value(fine))
    gain = value[1:] - value[0]
    if not (gain > 0).any():
        return np.array([float(floor)]), np.inf
    # Beyond the peak a token is of no use, and none is given.
    peak = fine[1:][np.argmax(gain)]
    caps = np.arange(floor, min(highest, peak + block - 0.01) + 0.01, block)
    slope = gain / (fine[1:] - floor)
    steepest = fine[1:][np.flatnonzero(slope >= slope.max() * (1 - 1e-12))[-1]]
    return caps, caps[np.searchsorted(caps, steepest)]


def options_of(program, query):
    """List what one query may do: (offer, cap, funded), None for an offer where it is not asked."""
    floor, found = program.floor[query], []
    pinned = program.pinned[query]
    if floor == 0 and not pinned:
        found.append((None, 0.0, False))
    for offer in program.offers:
        if not offer.available[query]:
            continue
        top = min(program.ceiling[query], offer.ceiling[query], HIGHEST)
        if top < floor:
            continue
        caps, entry = useful(
            offer.curves, query, floor, top // program.block * program.block, program.block
        )
        past = floor > 0 and floor > float(np.asarray(offer.curves.threshold)[query])
        if floor > 0 and (past or not pinned):
            found.append((offer, floor, past))
        funded = [(offer, cap, bool(cap >= entry)) for cap in caps if cap > floor]
        found += [option for option in funded if option[2] or not pinned]
    return found


def possible(program):
    """Whether some choice of whole caps keeps every constraint, by trying all of them."""
    n = len(program)
    options = [options_of(program, query) for query in range(n)]
    if not all(options):
        return False
    total = np.zeros([len(program.constraints)] + [len(own) for own in options])
    for index, row in enumerate(program.constraints):
        for query, own in enumerate(options):
            used = [use_of(row, option, query) for option in own]
            shape = [1] * n
            shape[query] = len(own)
            if program.members[index, query]:
                total[index] += np.reshape(used, shape)
    kept = np.ones(total.shape[1:], dtype=bool)
    for index, row in enumerate(program.constraints):
        if isinstance(row, Limit):
            kept &= total[index] <= row.amount + 1e-9
        elif isinstance(row, Guarantee):
            most = sum(
                max(use_of(row, option, query) for option in options[query])
                for query in np.flatnonzero(program.members[index])
            )
            kept &= total[index] >= min(row.amount, most) - 1e-9
        else:
            kept &= total[index] >= np.ceil(row.share * program.members[index].sum() - 1e-9)
    return bool(kept.any())


def use_of(row, option, query):
    offer, cap, funded = option
    if isinstance(row, FundedShare):
        return float(funded)
    if offer is None:
        return 0.0
    return float(cap * offer.rate_of(row.resource)[query] + offer.fixed_of(row.resource)[query])


def without(program, name):
    """Give the program without one of its constraints, a row or a rule."""
    if name == "floors":
        return replace(program, floor=0)
    if name == "ceilings":
        return replace(
            program, ceiling=None, offers=[replace(o, ceiling=None) for o in program.offers]
        )
    if name == "pinned queries":
        return replace(program, pinned=None)
    if name == "availability of offers":
        return replace(program, offers=[replace(o, available=None) for o in program.offers])
    rows = [row for row in program.constraints if row.name not in (name, "no limit")]
    return replace(program, constraints=[*rows, Limit(1e9, name="no limit")])


def only(program, names):
    """Give the program with these constraints and no others."""
    every = {str(row.name) for row in program.constraints} | {
        "floors",
        "ceilings",
        "pinned queries",
        "availability of offers",
    }
    for name in sorted(every - set(names)):
        program = without(program, name)
    return program
