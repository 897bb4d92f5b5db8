"""LightGBM's text format, checked: its parser and its predictions trust whatever stands there."""

from __future__ import annotations

import math
import re

import numpy as np

from clear_opt.errors import InvalidInputError

_HEADER = {
    "version": "v4",
    "num_class": "1",
    "num_tree_per_iteration": "1",
    "label_index": "0",
}
_HEADER_KEYS = {
    *_HEADER,
    "max_feature_idx",
    "objective",
    "feature_names",
    "feature_infos",
    "tree_sizes",
}
_PER_SPLIT = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
_PER_SPLIT_UNUSED = ("split_gain", "internal_value", "internal_weight", "internal_count")
_PER_LEAF = ("leaf_value", "leaf_weight", "leaf_count")
_ONE_LEAF = {"leaf_weight", "leaf_count"}  # of a tree without a split they may be left empty

_DEFAULT_LEFT, _MISSING = 2, 4  # decision_type: bits for the side of missing values, and their kind
_MISSING_NAN = 2 * _MISSING
_DECISIONS = {side + kind * _MISSING for side in (0, _DEFAULT_LEFT) for kind in range(3)}

# Of the numbers inf and nan are let through here.
_TREE = re.compile(
    r"Tree=(?P<number>\d+)\nnum_leaves=(?P<num_leaves>[1-9]\d{0,5})\nnum_cat=0\n"
    + "".join(
        rf"{key}=(?P<{key}>[-+.0-9einfa ]*)\n"
        for key in (
            "split_feature",
            "split_gain",
            "threshold",
            "decision_type",
            "left_child",
            "right_child",
            "leaf_value",
            "leaf_weight",
            "leaf_count",
            "internal_value",
            "internal_weight",
            "internal_count",
        )
    )
    + r"is_linear=0\nshrinkage=[-+.0-9e]+\n\n\n"
)
_INFO = re.compile(r"none|\[[-+.0-9einfa]+:[-+.0-9einfa]+\]")
_AFTER = re.compile(
    r"end of trees\n\nfeature_importances:\n(?:\w+=\d+\n)*\n"
    r"parameters:\n(?:\[\w+: [^\]\n]*\]\n)*\nend of parameters\n\npandas_categorical:null\n*"
)


def check_trees(text: str, columns: int) -> None:
    """Check that a model in LightGBM's text format is one that can be predicted with.

    LightGBM itself reads past the end of arrays that are too short, follows children in circles and
    takes its features from anywhere in memory.

    Parameters
    ----------
    text
        What `lightgbm.Booster.model_to_string` gave: one number per row, numeric splits.
    columns
        Features of a row.

    Raises
    ------
    InvalidInputError
        If a part is missing, unknown or of the wrong size, if children do not form one tree, if a
        feature lies out of range, or if a threshold or leaf is no number to decide or add with.
    """
    head, _, body = text.partition("\n\n")
    if not text.isascii():
        raise _broken("it holds something else than ASCII")
    sizes = _check_header(head, columns)
    trees, end = [], 0
    for number, size in enumerate(sizes):
        trees.append(_fields(number, body[end : end + size]))
        end += size
    if not _AFTER.fullmatch(body, end):
        raise _broken("what follows the trees is not what LightGBM writes")
    _check_structure(trees, columns)


def _check_header(head: str, columns: int) -> list[int]:
    """Check what stands before the trees; give their sizes in characters."""
    first, *lines = head.split("\n")
    fields = {key: value for key, _, value in (line.partition("=") for line in lines)}
    if first != "tree" or len(fields) < len(lines) or fields.keys() != _HEADER_KEYS:
        raise _broken("its header is not that of a model of trees")
    expected = {**_HEADER, "max_feature_idx": str(columns - 1)}
    for key, value in expected.items():
        if fields[key] != value:
            raise _broken(f"{key} is {fields[key]!r}, not {value!r}")
    infos = fields["feature_infos"].split(" ")
    if len(infos) != columns or not all(map(_INFO.fullmatch, infos)):
        raise _broken(f"feature_infos does not describe {columns} features")
    if len(fields["feature_names"].split(" ")) != columns:
        raise _broken(f"feature_names does not name {columns} features")
    return [_whole(size, "tree_sizes") for size in fields["tree_sizes"].split(" ")]


def _fields(number: int, block: str) -> dict[str, str]:
    """Read a tree, each of its arrays of the length that it says."""
    found = _TREE.fullmatch(block)
    if found is None or found["number"] != str(number):
        raise _broken(f"tree {number} is missing, cut off, or not written as LightGBM does")
    fields = found.groupdict()
    leaves = int(fields["num_leaves"])
    for key in (*_PER_SPLIT, *_PER_SPLIT_UNUSED, *_PER_LEAF):
        given = fields[key].count(" ") + 1 if fields[key] else 0
        needed = leaves if key in _PER_LEAF else leaves - 1
        if given != needed and not (leaves == 1 and key in _ONE_LEAF and given == 0):
            raise _broken(f"tree {number}: {key} has {given} entries where {needed} are needed")
    return fields


def _check_structure(trees: list[dict[str, str]], columns: int) -> None:
    """Check all trees at once: their children, features, thresholds and leaves."""
    leaves = np.array([int(tree["num_leaves"]) for tree in trees], dtype=np.int64)
    splits = leaves - 1
    feature, threshold, decision, left, right = (
        _numbers([tree[key] for tree in trees], key) for key in _PER_SPLIT
    )
    value = _numbers([tree["leaf_value"] for tree in trees], "leaf_value")
    if not np.isfinite(value).all() or not math.isfinite(np.abs(value).sum()):
        raise _broken("leaf_value: a leaf, or the sum of them, is not finite")
    if not (np.isin(feature, np.arange(columns))).all():
        raise _broken(f"split_feature: not a whole number from 0 to {columns - 1}")
    if not np.isin(decision, list(_DECISIONS)).all():
        raise _broken("decision_type: not that of a numeric split")
    # A split of missing from other values has all of them below it.
    endless = (threshold == np.inf) & (decision >= _MISSING_NAN)
    if not (np.isfinite(threshold) | endless).all():
        raise _broken("threshold: not finite")
    tree = np.repeat(np.arange(len(trees)), splits)
    node = np.arange(len(tree)) - np.repeat(np.cumsum(splits) - splits, splits)
    _check_children(np.append(tree, tree), np.append(node, node), np.append(left, right), leaves)


def _check_children(
    tree: np.ndarray, parent: np.ndarray, child: np.ndarray, leaves: np.ndarray
) -> None:
    """Check that each node but the first is the child of one before it, and each leaf of one.

    LightGBM numbers the nodes in the order of splitting, so children come after their parents.
    """
    inner = child >= 0
    place = np.where(inner, child, -1 - child)
    last = np.where(inner, leaves[tree] - 2, leaves[tree] - 1)
    if not ((child == np.round(child)) & (place <= last)).all():
        raise _broken("left_child or right_child: no node and no leaf of its tree")
    if not (child[inner] > parent[inner]).all():
        raise _broken("left_child or right_child: a node comes before its parent")
    # A tree has as many places for children as it has other nodes and leaves.
    before = 2 * (np.cumsum(leaves) - leaves)
    found = before[tree] + np.where(inner, place, leaves[tree] + place)
    if len(np.unique(found)) < len(found):
        raise _broken("left_child or right_child: a node or leaf is the child of two")


def _numbers(texts: list[str], key: str) -> np.ndarray:
    joined = " ".join(filter(None, texts))
    try:
        return np.array(list(map(float, joined.split())), dtype=np.float64)
    except ValueError:
        raise _broken(f"{key} holds something else than numbers") from None


def _whole(text: str, key: str) -> int:
    if not (text.isdecimal() and len(text) < 10):
        raise _broken(f"{key} is {text[:20]!r}, not a whole number")
    return int(text)


def _broken(problem: str) -> InvalidInputError:
    return InvalidInputError(
        f"is no model in LightGBM's text format: {problem}",
        column="booster_",
        remedy="save or install the predictor again",
    )
