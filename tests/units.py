"""Problems in other units of tokens."""

from dataclasses import replace

from clear_opt import AllocationProblem, Hill, Logistic, TabularCurve

PARTS = 1e6  # so many that whole ones are as good as fractions of a token


def in_parts_of_tokens(problem, parts=PARTS):
    """Give the same problem with every token cut into parts."""
    return AllocationProblem(
        curves_in_parts(problem.curves, parts),
        problem.budget * parts,
        problem.floor * parts,
        problem.ceiling * parts,
        problem.weight,
    )


def curves_in_parts(curves, parts=PARTS):
    """Give the same curves with every token cut into parts."""
    if isinstance(curves, TabularCurve):
        return TabularCurve(curves.grid * parts, curves.values)
    if isinstance(curves, Hill):
        return replace(curves, half=curves.half * parts)
    if isinstance(curves, Logistic):
        return replace(curves, midpoint=curves.midpoint * parts, scale=curves.scale * parts)
    return replace(
        curves, tau=curves.tau * parts, alpha=curves.alpha / parts, beta=curves.beta / parts
    )
