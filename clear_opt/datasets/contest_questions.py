"""Competition-style problems of rising difficulty, with LaTeX, from seeded templates."""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from clear_opt.datasets.question_words import NAMES


def linear_equation(rng: Random) -> str:
    """Level 1: one unknown."""
    a, b, x = rng.randint(2, 15), rng.randint(3, 60), rng.randint(2, 20)
    return rng.choice(
        (
            f"Solve for $x$: ${a}x + {b} = {a * x + b}$.",
            f"If ${a}(y - {x}) = {a * b}$, what is the value of $y$?",
        )
    )


def evaluate(rng: Random) -> str:
    """Level 1: a value of a polynomial."""
    a, b, c, x = rng.randint(2, 9), rng.randint(2, 9), rng.randint(1, 30), rng.randint(2, 9)
    return f"Let $f(x) = {a}x^2 - {b}x + {c}$. What is $f({x})$?"


def right_triangle(rng: Random) -> str:
    """Level 2: Pythagoras."""
    leg, hypotenuse = rng.choice(((3, 5), (5, 13), (15, 17), (24, 25), (20, 29)))
    scale = rng.randint(1, 9)
    return (
        f"A right triangle has a leg of length ${leg * scale}$ and a hypotenuse of length "
        f"${hypotenuse * scale}$. Find {rng.choice(('its area', 'its perimeter', 'its inradius'))}."
    )


def two_dice(rng: Random) -> str:
    """Level 2: a small sample space."""
    total = rng.randint(4, 10)
    return rng.choice(
        (
            f"Two fair six-sided dice are rolled. What is the probability that the sum is {total}? "
            "Express your answer as a common fraction.",
            f"A bag holds {total} red and {rng.randint(3, 9)} blue balls. Two balls are drawn "
            "without replacement. What is the probability that both are red?",
        )
    )


def divisors(rng: Random) -> str:
    """Level 2: counting divisors."""
    n = 2 ** rng.randint(1, 5) * 3 ** rng.randint(1, 4) * rng.choice((5, 7, 11, 13, 25, 49))
    kind = rng.choice(("positive divisors", "even positive divisors", "odd positive divisors"))
    return f"How many {kind} does ${n}$ have?"


def roots(rng: Random) -> str:
    """Level 3: symmetric functions of roots."""
    s, p = rng.randint(5, 15), rng.randint(2, 6)
    asked = rng.choice((r"r^2 + s^2", r"\frac{1}{r} + \frac{1}{s}", r"(r - s)^2", r"r^3 + s^3"))
    return f"Let $r$ and $s$ be the roots of $x^2 - {s}x + {p} = 0$. Compute ${asked}$."


def last_digits(rng: Random) -> str:
    """Level 3: powers modulo a number."""
    base, power = rng.choice((3, 7, 9, 11, 13, 17)), rng.randint(50, 2030)
    return rng.choice(
        (
            f"What is the units digit of ${base}^{{{power}}}$?",
            f"Find the remainder when ${base}^{{{power}}}$ is divided by ${rng.randint(11, 40)}$.",
            f"What are the last two digits of ${base}^{{{power}}}$?",
        )
    )


def lattice_paths(rng: Random) -> str:
    """Level 3: counting paths with a condition."""
    a, b = rng.randint(4, 8), rng.randint(4, 8)
    return (
        f"A path on the integer lattice goes from $(0, 0)$ to $({a}, {b})$ by steps of one unit to "
        f"the right or up. How many such paths pass through $({rng.randint(1, a - 1)}, "
        f"{rng.randint(1, b - 1)})$?"
    )


def logarithms(rng: Random) -> str:
    """Level 3: an equation in logarithms."""
    base, j = rng.choice((2, 3, 5)), rng.randint(1, 2)
    k = 2 * j + rng.randint(1, 3)
    gap = base ** (k - j) - base**j  # so that the one solution is base**j
    return rf"Find all real $x$ such that $\log_{{{base}}} x + \log_{{{base}}} (x + {gap}) = {k}$."


def circle_in_triangle(rng: Random) -> str:
    """Level 4: inscribed and circumscribed circles."""
    a, b, c = rng.choice(((13, 14, 15), (7, 15, 20), (10, 17, 21), (9, 10, 17), (25, 39, 56)))
    scale = rng.randint(1, 5)
    asked = rng.choice(
        (
            "the radius of its inscribed circle",
            "the radius of its circumscribed circle",
            "the length of its shortest altitude",
            "the distance from its centroid to the longest side",
        )
    )
    return (
        rf"Triangle $ABC$ has side lengths $AB = {a * scale}$, $BC = {b * scale}$ and "
        rf"$CA = {c * scale}$. Find {asked}. Express your answer in simplest form."
    )


def seating(rng: Random) -> str:
    """Level 4: arrangements with a condition."""
    n, first, second = rng.randint(6, 10), *rng.sample(NAMES, 2)
    return rng.choice(
        (
            f"{first}, {second} and {n - 2} other people sit around a circular table. In how many "
            f"ways can they sit if {first} and {second} are not next to each other? Rotations of "
            "the same seating are counted once.",
            f"In how many ways can ${n + 4}$ identical coins be given to {first}, {second} and two "
            "others so that each of them receives an odd number of coins or none at all?",
        )
    )


def congruences(rng: Random) -> str:
    """Level 4: a system of congruences."""
    p, q, r = rng.sample((5, 7, 9, 11, 13, 16), 3)
    return (
        "Find the smallest positive integer that leaves a remainder of "
        f"${rng.randint(1, p - 1)}$ when divided by ${p}$, ${rng.randint(1, q - 1)}$ when divided "
        f"by ${q}$, and ${rng.randint(1, r - 1)}$ when divided by ${r}$."
    )


def interpolation(rng: Random) -> str:
    """Level 4: a polynomial from some of its values."""
    values = [rng.randint(1, 30) for _ in range(3)]
    listed = ", ".join(f"$P({i}) = {value}$" for i, value in enumerate(values, start=1))
    return (
        f"Let $P(x)$ be a monic cubic polynomial with {listed}. What is $P({rng.randint(5, 9)})$?"
    )


def recurrence(rng: Random) -> str:
    """Level 5: a recurrence modulo a number."""
    a, b, m = rng.randint(2, 5), rng.randint(2, 6), rng.choice((7, 11, 13, 17, 19))
    return (
        rf"The sequence $(a_n)$ is given by $a_1 = 1$, $a_2 = {rng.randint(2, 6)}$ and "
        rf"$a_{{n+2}} = {a}a_{{n+1}} + {b}a_n$ for all $n \ge 1$. Find the remainder when "
        rf"$a_{{{rng.randint(60, 400)}}}$ is divided by ${m}$."
    )


def expected_wait(rng: Random) -> str:
    """Level 5: an expected time."""
    run = rng.randint(3, 5)
    return rng.choice(
        (
            f"A fair coin is tossed until {run} heads in a row appear. What is the expected number "
            "of tosses?",
            f"{rng.choice(NAMES)} rolls a fair die with ${run + 3}$ faces until every face has "
            r"appeared at least once. Let the expected number of rolls be $\frac{m}{n}$ in lowest "
            "terms. Find $m + n$.",
            f"A token starts on vertex $A$ of a regular ${2 * run}$-gon and moves to one of the "
            "two adjacent vertices with equal probability each minute. What is the expected time "
            "until it first reaches the vertex opposite $A$?",
        )
    )


def minimum(rng: Random) -> str:
    """Level 5: a constrained extremum."""
    k, a, b, c = rng.randint(2, 12), *(rng.randint(1, 9) for _ in range(3))
    return (
        rf"Let $x$, $y$ and $z$ be positive real numbers with $x + y + z = {k}$. Find the minimum "
        rf"value of \[\frac{{{a**2}}}{{x}} + \frac{{{b**2}}}{{y}} + \frac{{{c**2}}}{{z}}.\]"
    )


def complex_roots(rng: Random) -> str:
    """Level 5: roots of unity."""
    n = rng.randint(5, 13)
    return (
        rf"Let $\omega = \cos\frac{{2\pi}}{{{n}}} + i\sin\frac{{2\pi}}{{{n}}}$. Compute "
        rf"\[\prod_{{k=1}}^{{{n - 1}}} \left({rng.randint(2, 5)} - \omega^k\right).\]"
    )


def functional_equation(rng: Random) -> str:
    """Level 6: a functional equation."""
    a, b = rng.randint(1, 6), rng.randint(2, 9)
    return (
        r"A function $f$ from the integers to the integers satisfies "
        rf"\[f(m + n) = f(m) + f(n) + {2 * a}mn\] for all integers $m$ and $n$, and $f(1) = {b}$. "
        rf"Find the number of integers $k$ with $1 \le k \le {rng.randint(20, 200) * 10}$ for "
        rf"which $f(k)$ is divisible by ${rng.choice((6, 10, 12, 15))}$."
    )


def tetrahedron(rng: Random) -> str:
    """Level 6: solid geometry."""
    s = rng.randint(2, 12)
    return (
        rf"In tetrahedron $ABCD$, edges $AB$ and $CD$ have length ${2 * s}$, edges $AC$ and $BD$ "
        rf"have length ${2 * s + 1}$, and edges $AD$ and $BC$ have length ${2 * s + 2}$. There is "
        r"a point inside whose distances to the four faces are equal. This distance can be written "
        r"as $\frac{m\sqrt{n}}{p}$, where $m$, $n$ and $p$ are positive integers, $m$ and $p$ are "
        r"relatively prime, and $n$ is not divisible by the square of any prime. Find $m + n + p$."
    )


def colourings(rng: Random) -> str:
    """Level 6: counting up to symmetry."""
    n, colours = rng.randint(6, 12), rng.randint(3, 5)
    return (
        f"Each of the ${n}$ vertices of a regular polygon is painted in one of ${colours}$ colours "
        "so that adjacent vertices differ. Two paintings are the same if one can be rotated into "
        f"the other. Let $N$ be the number of different paintings. Find the remainder when $N$ is "
        "divided by $1000$."
    )


def digit_sums(rng: Random) -> str:
    """Level 6: digits and divisibility."""
    return (
        rf"Let $S(n)$ be the sum of the decimal digits of $n$. Find the number of positive "
        rf"integers $n \le 10^{{{rng.randint(4, 7)}}}$ such that $S(n)$ and $S(n + "
        rf"{rng.randint(1, 9)})$ are both divisible by ${rng.choice((5, 7, 11))}$."
    )


CONTEST: tuple[tuple[Callable[[Random], str], ...], ...] = (
    (linear_equation, evaluate),
    (right_triangle, two_dice, divisors),
    (roots, last_digits, lattice_paths, logarithms),
    (circle_in_triangle, seating, congruences, interpolation),
    (recurrence, expected_wait, minimum, complex_roots),
    (functional_equation, tetrahedron, colourings, digit_sums),
)
"""Templates by level, from easy to hard."""
