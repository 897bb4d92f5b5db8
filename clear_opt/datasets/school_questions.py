"""Grade-school word problems of one to six steps, from seeded templates.

Every template makes a well-posed question; its position in `SCHOOL` says how many steps it takes.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random

from clear_opt.datasets.question_words import FRUITS, GOODS, NAMES, THINGS, step, two_names


def bare_sum(rng: Random) -> str:
    """One step: an operation on two numbers."""
    a, b = rng.randint(12, 989), rng.randint(12, 989)
    small = rng.randint(3, 19)
    return rng.choice(
        (
            f"What is {a} + {b}?",
            f"Calculate {max(a, b)} - {min(a, b)}.",
            f"Work out {a} x {small}.",
            f"How much is {a * small} divided by {small}?",
            f"Find the sum of {a} and {b}.",
        )
    )


def given_away(rng: Random) -> str:
    """One step: what is left."""
    name, friend = two_names(rng)
    things, has = rng.choice(THINGS), rng.randint(20, 95)
    gives = rng.randint(3, has - 5)
    return rng.choice(
        (
            f"{name} has {has} {things} and gives {gives} of them to {friend}. "
            f"How many {things} does {name} have left?",
            f"There were {has} {things} in a box. {name} took out {gives}. "
            "How many are still in the box?",
        )
    )


def unit_conversion(rng: Random) -> str:
    """One or two steps: a unit into another."""
    hours, minutes = rng.randint(2, 9), rng.randint(5, 55)
    kilos, km = rng.randint(2, 48), rng.randint(3, 90)
    return rng.choice(
        (
            f"A film lasts {hours} hours and {minutes} minutes. How many minutes is that?",
            f"A hiking trail is {km} kilometres long. How many metres is that?",
            f"A parcel weighs {kilos} kilograms and 250 grams. What is its weight in grams?",
            f"Convert {km} metres per second to kilometres per hour.",
            f"How many seconds are there in {hours} hours?",
            f"A bottle holds {km} centilitres. How many millilitres do {hours} bottles hold?",
        )
    )


def shopping(rng: Random) -> str:
    """Two steps: a bill of two goods."""
    name = rng.choice(NAMES)
    one, other = rng.sample(GOODS, 2)
    a, b, p, q = (rng.randint(2, 12) for _ in range(4))
    return (
        f"{name} buys {a} {one} at ${p} each and {b} {other} at ${q} each. "
        f"How much does {name} pay in total?"
    )


def constant_speed(rng: Random) -> str:
    """Two steps: a distance at constant speed."""
    vehicle = rng.choice(("car", "train", "ferry", "bus", "cyclist"))
    speed, hours = step(rng, 12, 96, 4), rng.randint(2, 7)
    return rng.choice(
        (
            f"A {vehicle} travels at {speed} km per hour for {hours} hours and then another "
            f"{rng.randint(3, 40)} km. How far does it travel altogether?",
            f"A {vehicle} covers {speed * hours} km in {hours} hours. At the same speed, how far "
            f"does it get in {hours + rng.randint(1, 6)} hours?",
        )
    )


def change_from_note(rng: Random) -> str:
    """Three steps: change after a purchase."""
    name, goods, fruits = rng.choice(NAMES), rng.choice(GOODS), rng.choice(FRUITS)
    a, p, b = rng.randint(2, 5), rng.randint(3, 8), rng.randint(4, 9)
    return (
        f"{name} goes to the market with $100. {name} buys {a} {goods} for ${p} each and {b} bags "
        f"of {fruits} for $4 a bag. How much money is left?"
    )


def packing(rng: Random) -> str:
    """Three steps: boxes and what remains."""
    name, things = rng.choice(NAMES), rng.choice(THINGS)
    rows, each, box = rng.randint(4, 15), rng.randint(6, 18), rng.randint(5, 11)
    return (
        f"{name} sorts {things} into {rows} rows of {each}. After that {name} packs them into "
        f"boxes of {box}. How many boxes are full, and how many {things} remain outside a full box?"
    )


def discount(rng: Random) -> str:
    """Three steps: a percentage off, then several pieces."""
    goods, price, off = rng.choice(GOODS), step(rng, 20, 200, 20), rng.choice((5, 10, 15, 20, 25))
    return (
        f"A shop sells {goods} for ${price} apiece. This week they are {off}% off. "
        f"{rng.choice(NAMES)} buys {rng.randint(2, 6)} of them. What is the bill?"
    )


def ages(rng: Random) -> str:
    """Three steps: ages now and later."""
    name, friend = two_names(rng)
    age, factor = rng.randint(4, 12), rng.randint(2, 4)
    return (
        f"{name} is {age} years old. {friend} is {factor} times as old as {name}. In "
        f"{rng.randint(3, 15)} years, what will be the sum of their ages?"
    )


def wages(rng: Random) -> str:
    """Four steps: a week's pay with overtime."""
    name, pay, hours = rng.choice(NAMES), rng.randint(11, 28), rng.randint(30, 40)
    over = rng.randint(3, 9)
    return (
        f"{name} earns ${pay} an hour for the first {hours} hours of a week and twice as much for "
        f"every hour beyond. Last week {name} worked {hours + over} hours and paid $"
        f"{rng.randint(20, 90)} for travel. How much did {name} keep?"
    )


def reading(rng: Random) -> str:
    """Four steps: pages over several days."""
    name, first = rng.choice(NAMES), step(rng, 20, 60, 2)
    more, days = rng.randint(4, 12), rng.randint(3, 6)
    pages = first + first // 2 + days * (first + more) + rng.randint(20, 120)
    return (
        f"{name} is reading a book of {pages} pages. On Monday {name} reads {first} pages, on "
        f"Tuesday half as many, and on each of the following {days} days {more} more than on "
        f"Monday. How many pages are left to read?"
    )


def fence(rng: Random) -> str:
    """Four steps: perimeter, posts and cost."""
    length, width = step(rng, 12, 60, 3), step(rng, 6, 45, 3)
    return (
        f"A rectangular garden is {length} metres long and {width} metres wide. A post stands "
        f"every 3 metres along its edge, also at the corners. A post costs ${rng.randint(4, 15)} "
        f"and a metre of wire ${rng.randint(2, 6)}. What do posts and one round of wire cost?"
    )


def saving(rng: Random) -> str:
    """Five steps: saving towards a goal."""
    name, friend = two_names(rng)
    a, b, weeks = rng.randint(8, 25), rng.randint(8, 25), step(rng, 4, 12, 4)
    return (
        f"{name} saves ${a} a week and {friend} saves ${b} a week. After {weeks} weeks {name} "
        f"spends a quarter of the savings, and {friend} is given ${rng.randint(10, 60)} by an "
        f"aunt. Together they want a tent for ${(a + b) * weeks + rng.randint(80, 300)}. "
        "How much money is still missing?"
    )


def orchard(rng: Random) -> str:
    """Five steps: harvest, losses and income."""
    fruits, rows, trees = rng.choice(FRUITS), rng.randint(5, 14), rng.randint(6, 16)
    each, share = step(rng, 40, 120, 20), rng.choice((10, 20, 25))
    return (
        f"An orchard has {rows} rows of {trees} trees. Each tree bears {each} {fruits}. Birds eat "
        f"{share}% of the harvest. The rest is sold in crates of 20 {fruits}, each crate for "
        f"${rng.randint(5, 14)}, and the pickers receive ${rng.randint(100, 400)} of the income. "
        "How much does the owner keep?"
    )


def bakery(rng: Random) -> str:
    """Six steps: a day in a bakery."""
    name, loaves, price = rng.choice(NAMES), step(rng, 60, 240, 12), rng.randint(3, 6)
    rolls = step(rng, 80, 300, 20)
    return (
        f"{name}'s bakery bakes {loaves} loaves and {rolls} rolls a day. A third of the loaves are "
        f"sold before noon at ${price} each and half of the others in the afternoon at $1 less. "
        f"All rolls are sold, ten for $4. Flour costs ${rng.randint(40, 90)} a day and the unsold "
        f"loaves are given away. What is the profit after {rng.randint(5, 7)} such days?"
    )


def road_trip(rng: Random) -> str:
    """Six steps: distance, fuel, stops and time."""
    name, friend = two_names(rng)
    legs, speed, hours = rng.randint(2, 4), step(rng, 60, 100, 10), rng.randint(2, 5)
    return (
        f"{name} and {friend} drive for {legs} days. Each day they drive {hours} hours at {speed} "
        f"km per hour before lunch, and half that distance after lunch. The car needs "
        f"{rng.randint(5, 9)} litres of fuel for 100 km, a litre costs ${rng.choice(('1.50', 2))}, "
        f"and a night in a hotel costs ${step(rng, 60, 140, 10)}. They spend one night fewer than "
        "days on the road and share all costs equally. How much does each of them pay?"
    )


SCHOOL: tuple[tuple[Callable[[Random], str], ...], ...] = (
    (bare_sum, given_away, unit_conversion),
    (shopping, constant_speed),
    (change_from_note, packing, discount, ages),
    (wages, reading, fence),
    (saving, orchard),
    (bakery, road_trip),
)
"""Templates by difficulty: those at index k take about k + 1 steps."""
