"""Every error of the package survives pickling and copying, with its message and attributes."""

import copy
import importlib
import inspect
import multiprocessing
import pickle
import pkgutil
import threading
from concurrent.futures import ProcessPoolExecutor

import pytest

import clear_opt
from clear_opt.errors import ClearOptError, InvalidInputError
from clear_opt.io import TableError, read_records

WAYS = {
    "pickle": lambda error: pickle.loads(pickle.dumps(error)),
    "oldest pickle": lambda error: pickle.loads(pickle.dumps(error, protocol=0)),
    "copy": copy.copy,
    "deepcopy": copy.deepcopy,
}


def every_error():
    """Give one error of each class, made with a text of its own for every parameter."""
    for module in pkgutil.walk_packages(clear_opt.__path__, "clear_opt."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = [ClearOptError]
    for kind in kinds:
        kinds += [found for found in kind.__subclasses__() if found.__module__[:9] == "clear_opt"]
    for kind in kinds:
        if inspect.isfunction(kind.__init__):
            yield kind(**{name: f"the {name}" for name in inspect.signature(kind).parameters})
        else:
            yield kind("what is wrong")


@pytest.mark.parametrize("way", WAYS)
def test_every_error_keeps_its_message_and_attributes(way):
    errors = list(every_error())
    assert len(errors) >= 7
    for error in errors:
        error.add_note("seen in the second run")
        again = WAYS[way](error)
        assert type(again) is type(error)
        assert (str(again), repr(again), again.args) == (str(error), repr(error), error.args)
        assert vars(again) == vars(error)
        assert getattr(again, "msg", None) == getattr(error, "msg", None)  # of import errors


class Odd:
    """A value that cannot be pickled, nor read back where it was, nor copied."""

    def __reduce__(self):
        raise RecursionError

    def __repr__(self):
        return "Odd()"


class Lost(Odd):
    def __reduce__(self):
        return (int, ("no number",))


@pytest.mark.parametrize("value", [Odd(), Lost(), threading.Lock(), lambda: 0, (i for i in ())])
def test_a_value_that_cannot_be_sent_arrives_as_its_repr_and_stays_in_copies(value):
    error = InvalidInputError("is odd", column="x", row=2, value=value, remedy="give a number")
    error.__cause__ = ValueError(value)
    sent = pickle.loads(pickle.dumps(error))
    assert (sent.value, str(sent)) == (repr(value), str(error))
    assert (sent.column, sent.row, sent.remedy) == ("x", 2, "give a number")
    assert copy.copy(error).value is value
    shared = copy.deepcopy(error).value
    assert shared is value or type(shared) is type(value)


def test_a_deep_copy_shares_nothing_that_can_be_copied():
    error = InvalidInputError("is odd", column="x", value=[1, [2]])
    again = copy.deepcopy([error, error.value])
    assert again[0].value == [1, [2]]
    assert again[0].value is again[1]
    assert again[0].value is not error.value


def test_errors_that_hold_errors_are_sent_in_one_go():
    error = InvalidInputError("is odd", column="x", value=0)
    for _ in range(40):  # each sent twice within the next would take for ever
        error = InvalidInputError("is odd", column="x", value=error)
    error.first = error
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_an_error_in_another_process_arrives(tmp_path):
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.submit(read_records, tmp_path / "none.csv").exception(timeout=60)
    assert isinstance(found, TableError)
    assert found.path == tmp_path / "none.csv"
