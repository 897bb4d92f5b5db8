"""Where the command line keeps what JAX compiles, so that only the first large batch waits for it.

Small batches compile nothing (`clear_opt._numerics.chunked`), so this matters from some ten
thousand queries on. The settings are JAX's own, read from the environment when JAX is loaded; one
that the user has made stands. The package itself sets nothing: for a library that is its user's
business.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

_FOLDER = "JAX_COMPILATION_CACHE_DIR"
_LEAST_SECONDS = "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def keep_compiled() -> None:
    """Let JAX keep compiled code in the user's cache folder, unless the user chose otherwise.

    Nothing is set where that folder cannot be written: JAX would warn of it at every batch.
    """
    folder = cache_folder(sys.platform, os.environ)
    if _FOLDER in os.environ or not _can_be_written(folder):
        return
    os.environ[_FOLDER] = str(folder)
    os.environ.setdefault(_LEAST_SECONDS, "0")  # ours compile in less than JAX thinks worth keeping


def cache_folder(platform: str, environment: Mapping[str, str]) -> Path:
    """Return the folder for compiled code: in the place that the platform has for caches.

    Parameters
    ----------
    platform
        As `sys.platform`.
    environment
        As `os.environ`; ``XDG_CACHE_HOME`` counts where it is an absolute path. Where it tells of
        no home either, the folder is relative and not to be used.

    Examples
    --------
    >>> cache_folder("linux", {"XDG_CACHE_HOME": "/var/cache/ann"}).as_posix()
    '/var/cache/ann/clear-opt/jax'
    """
    own = Path(environment.get("XDG_CACHE_HOME", ""))
    if not own.is_absolute():
        home = Path(environment.get("HOME") or environment.get("USERPROFILE") or "")
        match platform:
            case "win32":
                own = Path(environment.get("LOCALAPPDATA") or home / "AppData" / "Local")
            case "darwin":
                own = home / "Library" / "Caches"
            case _:
                own = home / ".cache"
    return own / "clear-opt" / "jax"


def _can_be_written(folder: Path) -> bool:
    """Return whether a folder, or the nearest there is above it, can be written to."""
    if not folder.is_absolute():
        return False
    there = next(one for one in (folder, *folder.parents) if one.exists())
    return there.is_dir() and os.access(there, os.W_OK | os.X_OK)
