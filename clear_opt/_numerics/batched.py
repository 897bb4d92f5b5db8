"""One entry per query: the JAX pytree behind curves and completion lengths."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cache
from typing import Any, Self, TypeVar

import jax
import numpy as np

from clear_opt._numerics.array_namespace import chosen
from clear_opt._numerics.arrays import on_host, own, own_numbers, refuse_traced

_Entries = TypeVar("_Entries", bound="PerQuery")

STATIC = {"static": True}
"""Metadata of a dataclass field that is a setting shared by all queries, not an array."""


@dataclass(frozen=True, eq=False)
class PerQuery:
    """Something with one entry per query, the leading axis of all its arrays.

    Subclasses are frozen dataclasses. They become JAX pytrees when they are defined: their array
    fields are leaves, fields that are pytrees themselves are their branches, fields with
    ``metadata=STATIC`` are settings.
    """

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        # The fields are known only after @dataclass has run, so they are looked up when used.
        jax.tree_util.register_pytree_with_keys(
            cls, _flatten_with_keys, lambda aux, leaves: _unflatten(cls, aux, leaves), _flatten
        )

    def __len__(self) -> int:
        first = getattr(self, array_fields(type(self))[0])
        return len(first) if isinstance(first, PerQuery) else int(np.shape(first)[0])

    def take(self, rows: Any) -> Self:
        """Return the entries of some queries: ``rows`` is an index array, mask or slice."""
        leaves, static = _flatten(self)
        parts = [v.take(rows) if isinstance(v, PerQuery) else chosen(v, rows) for v in leaves]
        return _unflatten(type(self), static, parts)


def owned(entries: _Entries, column: str) -> _Entries:
    """Return the same entries with NumPy arrays that nobody can change, floats in float64.

    Entries are refused whose arrays a JAX transformation is passing through; ``column`` is what the
    user calls them. Those that own their arrays, as all do that were built outside of one, are
    given back as they are.
    """
    leaves, tree = jax.tree_util.tree_flatten(entries)
    refuse_traced(leaves, column)
    kept = [_own_leaf(leaf, column) for leaf in leaves]
    if all(own is leaf for own, leaf in zip(kept, leaves, strict=True)):
        return entries
    return jax.tree_util.tree_unflatten(tree, kept)


def _own_leaf(leaf: Any, column: str) -> Any:
    if not isinstance(leaf, np.ndarray | jax.Array):
        return leaf
    array = on_host(leaf) if isinstance(leaf, jax.Array) else leaf
    whole = array.dtype.kind in "iub"  # a family's own table of places
    return own(array) if whole else own_numbers(array, column)


@cache
def array_fields(cls: type[PerQuery]) -> tuple[str, ...]:
    """Return the names of the fields that hold arrays (or pytrees), in order."""
    return tuple(field.name for field in fields(cls) if not field.metadata.get("static"))


@cache
def _static_fields(cls: type[PerQuery]) -> tuple[str, ...]:
    return tuple(field.name for field in fields(cls) if field.metadata.get("static"))


def _flatten(entries: PerQuery) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    cls = type(entries)
    leaves = tuple([getattr(entries, name) for name in array_fields(cls)])
    return leaves, tuple([getattr(entries, name) for name in _static_fields(cls)])


def _flatten_with_keys(entries: PerQuery) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    leaves, static = _flatten(entries)
    keys = map(jax.tree_util.GetAttrKey, array_fields(type(entries)))
    return tuple(zip(keys, leaves, strict=True)), static


def _unflatten(cls: type[_Entries], static: tuple[Any, ...], leaves: Any) -> _Entries:
    entries = object.__new__(cls)
    for name, leaf in zip(array_fields(cls), leaves, strict=True):
        object.__setattr__(entries, name, leaf)
    for name, value in zip(_static_fields(cls), static, strict=True):
        object.__setattr__(entries, name, value)
    return entries
