"""Peak memory of one call, measured in a process of its own.

It is the highest resident memory during the call less the resident memory just before it, when
imports were done, a small batch was solved and the arrays of the batch were held. So neither the
inputs nor libraries count, and no method's peak hides another's.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

_OF_SELF = Path("/proc/self")
_HIGHEST = re.compile(r"^VmHWM:\s+(\d+) kB$", re.MULTILINE)


def peak_memory(
    call: Callable[[Any], object],
    make: Callable[..., Any],
    arguments: tuple,
    warm: tuple | None = None,
) -> int | None:
    """Give the bytes that ``call(make(*arguments))`` needs beyond what ``make`` gave it.

    Parameters
    ----------
    call, make
        Functions at the top of a module, or partials of such: another process finds them by name.
    arguments
        For ``make``.
    warm
        Other arguments for ``make``, of a small batch that is called first.

    Returns
    -------
    int or None
        Bytes; ``None`` on a system that does not tell a process its peak (Windows).
    """
    alone = get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=alone) as pool:
        return pool.submit(_measured, call, make, arguments, warm).result()


def _measured(
    call: Callable[[Any], object], make: Callable[..., Any], arguments: tuple, warm: tuple | None
) -> int | None:
    if warm is not None:
        call(make(*warm))
    batch = make(*arguments)
    gc.collect()
    _forget_peak()
    before = _peak()
    call(batch)
    after = _peak()
    return None if before is None or after is None else after - before


def _forget_peak() -> None:
    """Give free memory back to the system and set the peak to what is resident, on Linux."""
    if sys.platform != "linux":
        return
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
    # Where this is forbidden a peak of the past counts as held before: the answer is a bit too low.
    with contextlib.suppress(OSError):
        (_OF_SELF / "clear_refs").write_text("5", encoding="ascii")  # man 5 proc


def _peak() -> int | None:
    """Give the highest resident memory of this process so far, bytes."""
    if sys.platform == "linux":
        # Not getrusage: a new process inherits its parent's peak there.
        status = (_OF_SELF / "status").read_text(encoding="ascii", errors="replace")
        found = _HIGHEST.search(status)
        return None if found is None else 1024 * int(found[1])
    if sys.platform == "darwin":
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return None
