"""Question templates as data: ``demo_questions.toml`` read, drawn from and filled in."""

from __future__ import annotations

import ast
import operator
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from random import Random
from typing import Any

_FILE = "demo_questions.toml"
_SLOT = re.compile(r"<([^<>]+)>")

_OPERATORS: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.FloorDiv: operator.floordiv,
    ast.Pow: operator.pow,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {"max": max, "min": min}


@dataclass(frozen=True)
class Template:
    """One kind of question.

    Attributes
    ----------
    draws : sequence of (tuple of str, Any)
        The names that each draw binds, and its rule; the file's head explains the rules.
    texts : sequence of str
        Wordings, of which one is chosen.
    words : mapping of str to list of str
        Lists that draws refer to by name.
    """

    draws: Sequence[tuple[tuple[str, ...], Any]]
    texts: Sequence[str]
    words: Mapping[str, Sequence[str]]

    def fill(self, rng: Random) -> str:
        """Return a question, its numbers and words drawn from ``rng``."""
        drawn: dict[str, Any] = {}
        for names, rule in self.draws:
            value = self._draw(rng, rule, len(names), drawn)
            drawn.update(zip(names, value if len(names) > 1 else (value,), strict=True))
        # A single wording takes nothing from the stream of random numbers.
        text = rng.choice(self.texts) if len(self.texts) > 1 else self.texts[0]
        return _SLOT.sub(lambda slot: str(_evaluate(slot[1], drawn)), text)

    def _draw(self, rng: Random, rule: Any, count: int, drawn: Mapping[str, Any]) -> Any:
        match rule:
            case [low, high]:
                return rng.randint(_evaluate(low, drawn), _evaluate(high, drawn))
            case {"multiple_of": step, "in": [low, high]}:
                return rng.randrange(-(-low // step) * step, high + 1, step)
            case {"one_of": values}:
                return rng.choice(self._listed(values))
            case {"distinct": values}:
                return rng.sample(self._listed(values), count)
            case {"value": expression}:
                return _evaluate(expression, drawn)
            case _:
                raise ValueError(f"{_FILE}: cannot draw {rule!r}")

    def _listed(self, values: Any) -> Sequence[Any]:
        return self.words[values] if isinstance(values, str) else values


@cache
def load_templates() -> Mapping[str, Sequence[Sequence[Template]]]:
    """Return the demo's templates.

    Returns
    -------
    mapping of str to sequence of sequence of Template
        ``"school"`` and ``"contest"``: the templates of each level, from easy to hard.
    """
    content = tomllib.loads(files("clear_opt.datasets").joinpath(_FILE).read_text("utf-8"))
    words = content.pop("words")
    templates: dict[str, list[list[Template]]] = {}
    for kind, entries in content.items():
        levels = templates[kind] = [[] for _ in range(max(entry["level"] for entry in entries))]
        for entry in entries:
            draws = [
                (tuple(names.split()), rule)
                for draw in entry["draws"]
                for names, rule in draw.items()
            ]
            levels[entry["level"] - 1].append(Template(draws, entry["texts"], words))
    return templates


def _evaluate(expression: str | int, drawn: Mapping[str, Any]) -> Any:
    """Evaluate arithmetic on drawn values; a plain number or a drawn word stands for itself."""
    return expression if isinstance(expression, int) else _value(_parsed(expression), drawn)


@cache
def _parsed(expression: str) -> ast.expr:
    return ast.parse(expression, mode="eval").body


def _value(node: ast.expr, drawn: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return drawn[name]
        case ast.BinOp(left=left, op=op, right=right):
            return _OPERATORS[type(op)](_value(left, drawn), _value(right, drawn))
        case ast.Call(func=ast.Name(id=name), args=arguments):
            return _FUNCTIONS[name](*(_value(argument, drawn) for argument in arguments))
        case _:
            raise ValueError(f"{_FILE}: cannot evaluate {ast.unparse(node)!r}")
