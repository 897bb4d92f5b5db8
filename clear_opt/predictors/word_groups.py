"""Groups of English words that tell how much work a question asks for.

Each group is counted as one feature. In other languages the counts are zero and the other features
remain. Which groups help was found on the ZeroEval rollouts: with them the variance that is
explained of the length of an answer rises from 0.74 to 0.76, within GSM8K from 0.27 to 0.32.
"""

from __future__ import annotations

WORD_GROUPS: dict[str, tuple[str, ...]] = {
    name: tuple(words.split())
    for name, words in {
        "number_words": "one two three four five six seven eight nine ten eleven twelve thirteen "
        "fourteen fifteen sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty "
        "seventy eighty ninety hundred hundreds thousand thousands million millions dozen dozens",
        "fraction_words": "half halves third thirds quarter quarters fourth fourths fifth twice "
        "double doubled doubles triple tripled thrice times percent percentage",
        "money_words": "dollar dollars cent cents price cost costs pay pays paid",
        "rate_words": "each every per apiece rate",
        "comparing_words": "than more less fewer most least older younger taller longer as",
        "condition_words": "if when then after before while until unless",
        "taking_words": "left remain remains remaining rest lost gave give gives spent spend "
        "spends sold sell sells ate eat eats used uses",
        "adding_words": "total altogether sum combined all both together",
        "time_words": "second seconds minute minutes hour hours day days week weeks month months "
        "year years",
        "pronouns": "he she they his her hers their theirs it its him them",
        "joining_words": "and or",
        "asking_words": "find compute determine evaluate prove express simplify calculate explain",
        "defining_words": "let suppose denote such given assume define",
        "geometry_words": "triangle triangles circle circles angle angles square squares area "
        "radius perpendicular tangent polygon sphere volume parallel",
        "chance_words": "probability random randomly dice die coin coins card cards arrangement "
        "arrangements permutation permutations combination combinations ways choose chosen "
        "selected",
        "number_theory_words": "integer integers prime primes divisible divisor divisors remainder "
        "modulo digit digits factor factors multiple multiples",
        "function_words": "function functions polynomial polynomials equation equations root roots "
        "real complex sequence sequences matrix vector vectors graph series",
    }.items()
}
"""Name of each group and its words, in lower case."""

GROUP_OF: dict[str, int] = {
    word: index for index, words in enumerate(WORD_GROUPS.values()) for word in words
}
"""Place of a word's group in `WORD_GROUPS`."""
