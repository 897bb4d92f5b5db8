"""The quick comparison: what it prints and refuses, and that a peak is the peak of the call."""

import json
import os
import pickle
from functools import partial

import numpy as np
import pytest

from benchmarks import quick
from benchmarks.peers import METHODS, compare, make_instance, peak_memory

MEGABYTE = 10**6


@pytest.fixture
def few(monkeypatch):
    """Quick methods only, the first of which copes with five queries and no more."""
    methods = [METHODS[-1], METHODS[-2]._replace(largest=5, why="a reason")]
    monkeypatch.setattr("benchmarks.peers.comparison.peak_memory", lambda *arguments: 1_500_000)
    monkeypatch.setattr(
        "benchmarks.quick.compare", lambda sizes, say: compare(sizes, methods=methods, say=say)
    )


def test_json_has_the_rows_and_nothing_else(few, capsys):
    quick.main(["--n", "5,6", "--json"])
    shown = capsys.readouterr()
    found = json.loads(shown.out, parse_constant=pytest.fail)
    assert list(found) == ["rows"]
    assert [(row["method"], row["n"]) for row in found["rows"]] == [
        ("proportional", 5), ("uniform", 5), ("proportional", 6),
    ]  # fmt: skip
    for row in found["rows"]:
        assert list(row) == ["method", "n", "seconds", "share_of_bound", "peak_mb"]
        assert row["seconds"] > 0
        assert 0 <= row["share_of_bound"] <= 1
        assert row["peak_mb"] == 1.5
    assert "note: uniform is left out at n = 6: a reason" in shown.err


def test_the_table_says_the_same_to_people(few, capsys):
    quick.main(["--n", "5"])
    shown = capsys.readouterr().out
    assert "proportional" in shown
    assert "% of bound" in shown
    assert "1.5" in shown


def test_where_peaks_are_unknown_they_are_null(few, monkeypatch, capsys):
    monkeypatch.setattr("benchmarks.peers.comparison.peak_memory", lambda *arguments: None)
    quick.main(["--n", "5", "--json"])
    assert json.loads(capsys.readouterr().out)["rows"][0]["peak_mb"] is None


@pytest.mark.parametrize("sizes", ["", "0", "5,x", "-1", "1.5"])
def test_sizes_must_be_whole_numbers_above_zero(sizes, capsys):
    with pytest.raises(SystemExit) as stopped:
        quick.main([f"--n={sizes}"])
    assert stopped.value.code == 2
    assert "argument --n: " in capsys.readouterr().err


taken_whole = partial(np.ones, dtype=np.int8)
"""Takes as many bytes as it is asked for, and touches them all."""


def test_a_peak_is_what_the_call_adds_to_its_inputs():
    taken = peak_memory(taken_whole, int, (200 * MEGABYTE,))
    if taken is None:
        pytest.skip("this system does not tell a process its peak")
    assert 195 <= taken / MEGABYTE <= 230
    # 200 MB of input, and 100 that were held for a moment before, do not count.
    held = peak_memory(np.max, taken_whole, (200 * MEGABYTE,), (300 * MEGABYTE,))
    assert held is not None
    assert held / MEGABYTE <= 30


@pytest.mark.skipif(
    not os.access("/proc/self/clear_refs", os.W_OK), reason="peaks of the past cannot be forgotten"
)
def test_a_peak_of_the_past_does_not_hide_the_call():
    taken = peak_memory(taken_whole, int, (100 * MEGABYTE,), (300 * MEGABYTE,))
    assert taken is not None
    assert 95 <= taken / MEGABYTE <= 130


def test_an_error_in_the_other_process_is_told():
    with pytest.raises(ValueError, match="negative dimensions"):
        peak_memory(taken_whole, int, (-1,))


def test_every_method_can_be_sent_to_another_process():
    instance = make_instance(6, 0, 0.3)
    for method in METHODS:
        assert pickle.loads(pickle.dumps(method.allocate)) is not None
        assert len(method.allocate(instance).tokens) == 6
