"""How JAX computes for the package: in 64 bits, and by its own rules, whatever the user has set."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

import jax
import jax.numpy as jnp
from jax.core import Tracer

from clear_opt.errors import ClearOptError

_PROCESS = os.getpid()


@contextmanager
def double_precision() -> Iterator[None]:
    """Return a context in which JAX computes in float64; on leaving it the user's setting is back.

    Raises
    ------
    ClearOptError
        On entering it inside a function that JAX compiles while it computes in 32 bits, where it
        would mix both widths and make later calls fail, and in a forked process.

    Examples
    --------
    >>> import jax.numpy as jnp
    >>> with double_precision():
    ...     print(jnp.ones(1).dtype)
    float64
    """
    refuse_fork("double_precision()")
    if jnp.result_type(float) == jnp.float32 and _compiling():
        raise ClearOptError(
            "double_precision() was entered inside a function that JAX compiles in 32 bits; "
            "call the compiled function inside 'with double_precision():' instead"
        )
    with jax.enable_x64(True):
        yield


@contextmanager
def own_settings() -> Iterator[None]:
    """Compute in float64 at once, untouched by the user's JAX settings and transformations.

    Inside it NumPy arrays go to the device and back, types are promoted, formulas are compiled, and
    an infinity or a NaN that a formula passes through on its way raises nothing. What is called
    inside ``jax.jit`` on known numbers is computed there and then.
    """
    with (
        jax.ensure_compile_time_eval(),
        jax.enable_x64(True),
        jax.numpy_dtype_promotion("standard"),
        jax.numpy_rank_promotion("allow"),
        jax.transfer_guard("allow"),
        jax.disable_jit(False),
        jax.debug_nans(False),
        jax.debug_infs(False),
    ):
        yield


def forked() -> bool:
    """Return whether this process was forked from one that had loaded JAX.

    JAX's threads do not survive a fork: whatever waits for them waits for ever.
    """
    return os.getpid() != _PROCESS


def refuse_fork(what: str) -> None:
    """Refuse in a forked process what needs JAX.

    Raises
    ------
    ClearOptError
        With the way out.
    """
    if forked():
        raise ClearOptError(
            f"{what} needs JAX, whose threads do not survive a fork; start processes by spawn, "
            "e.g. multiprocessing.get_context('spawn')"
        )


def _compiling() -> bool:
    with jax.transfer_guard("allow"):
        return isinstance(jnp.zeros(()), Tracer)
