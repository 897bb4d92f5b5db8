"""The command line in processes of its own: what they load and keep, missing extras, streams."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from clear_opt.cli.jax_cache import cache_folder, keep_compiled
from clear_opt.defaults import BLOCK_QUERIES
from tests.effort import large

CHOSEN = ("JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS")


def python(code, **variables):
    """Run code in a new process, with this checkout importable."""
    root = str(Path(__file__).parents[1])
    known = {name: value for name, value in os.environ.items() if name not in CHOSEN}
    environment = {**known, "PYTHONPATH": root, **variables}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )


def command(*arguments, forbidden=(), **variables):
    """Run ``clear-opt`` in a new process, which fails if it loads something forbidden."""
    return python(
        f"import sys; sys.argv = ['clear-opt', *{arguments!r}]\n"
        "from clear_opt.cli import main\n"
        "try: main()\n"
        "except SystemExit as end:\n"
        "    if end.code: raise\n"
        f"loaded = set({forbidden!r}) & set(sys.modules)\n"
        "sys.exit(f'{loaded} loaded' if loaded else 0)",
        **variables,
    )


@pytest.mark.parametrize("asked", [("--help",), ("allocate", "--help"), ("--version",)])
def test_help_loads_nothing_heavy(asked):
    heavy = ("jax", "cvxpy", "scipy", "sklearn", "lightgbm", "numpy", "pyarrow", "matplotlib")
    result = command(*asked, forbidden=heavy)
    assert result.returncode == 0, result.stderr
    assert result.stdout


@pytest.mark.parametrize("missing", ["typer", "rich"])
def test_without_the_extra_a_message_says_how_to_install_it(missing):
    result = python(
        f"import sys; sys.modules[{missing!r}] = None\nfrom clear_opt.cli import main; main()"
    )
    assert result.returncode == 2
    assert result.stdout == ""
    message = f"clear-opt: the command line needs {missing}: pip install 'clear-opt[cli]'\n"
    assert result.stderr == message


def test_without_pydantic_a_table_says_how_to_install_it():
    result = python(
        "import sys; sys.modules['pydantic'] = None\n"
        "from clear_opt.errors import MissingExtraError\n"
        "try: import clear_opt.inputs\n"
        "except MissingExtraError as error: print(error)"
    )
    assert "clear-opt[cli]" in result.stdout


def test_a_process_of_its_own(tmp_path):
    path = tmp_path / "curves.jsonl"
    path.write_text('{"query_id": "a", "tau": 100, "height": 0.9, "width": 50}')
    kept = tmp_path / "kept"
    result = command(
        *("allocate", str(path), "--budget", "150", "--json"),
        forbidden=("cvxpy", "sklearn", "lightgbm", "pandas", "skops", "matplotlib"),
        XDG_CACHE_HOME=str(kept),
    )
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["spent"] == 150
    assert found["expected_utility"] == pytest.approx(0.9)  # at the peak, by hand
    assert not kept.exists()  # a small batch compiles nothing


@large
def test_a_large_batch_is_compiled_once_for_all_processes(tmp_path):
    rng, n = np.random.default_rng(0), BLOCK_QUERIES + 1_000
    curves = {"tau": rng.uniform(50, 500, n), "height": rng.uniform(0.1, 0.9, n)}
    table = pa.table({"query_id": [f"q{k}" for k in range(n)], **curves, "width": np.full(n, 40.0)})
    parquet.write_table(table, tmp_path / "curves.parquet")

    def answer():
        result = command(
            *("allocate", str(tmp_path / "curves.parquet"), "--budget", str(100 * n), "--json"),
            XDG_CACHE_HOME=str(tmp_path / "cache"),
        )
        assert (result.returncode, result.stderr) == (0, "")
        found = json.loads(result.stdout)
        return {name: value for name, value in found.items() if name != "seconds"}

    def kept():
        return {path.name: path.stat().st_mtime_ns for path in folder.iterdir()}

    folder = tmp_path / "cache" / "clear-opt" / "jax"
    first = answer()
    compiled = kept()
    assert compiled
    assert answer() == first
    assert kept() == compiled  # what is compiled is kept, so nothing was


@pytest.mark.skipif(sys.platform in {"win32", "darwin"}, reason="the folder's place is another")
def test_only_what_the_user_left_open_is_set(tmp_path, monkeypatch):
    def settings(**variables):
        environment = {"XDG_CACHE_HOME": str(tmp_path), **variables}
        monkeypatch.setattr(os, "environ", environment)
        keep_compiled()
        return [environment.get(name) for name in CHOSEN]

    ours = str(tmp_path / "clear-opt" / "jax")
    assert settings() == [ours, "0"]
    assert settings(JAX_COMPILATION_CACHE_DIR="/own") == ["/own", None]
    assert settings(JAX_COMPILATION_CACHE_DIR="") == ["", None]  # switched off
    assert settings(JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS="3") == [ours, "3"]
    assert not any(tmp_path.iterdir())  # the folder is made with what it is to hold
    (tmp_path / "file").touch()
    assert settings(XDG_CACHE_HOME=str(tmp_path / "file")) == [None, None]
    assert settings(XDG_CACHE_HOME="", HOME="", USERPROFILE="") == [None, None]
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert settings() == [None, None]


@pytest.mark.skipif(sys.platform == "win32", reason="these are other systems' paths")
@pytest.mark.parametrize(
    ("platform", "environment", "folder"),
    [
        ("linux", {"HOME": "/home/ann"}, "/home/ann/.cache"),
        ("linux", {"HOME": "/home/ann", "XDG_CACHE_HOME": "relative"}, "/home/ann/.cache"),
        ("darwin", {"HOME": "/Users/ann"}, "/Users/ann/Library/Caches"),
        ("win32", {"USERPROFILE": "/c/ann"}, "/c/ann/AppData/Local"),
        ("win32", {"USERPROFILE": "/c/ann", "LOCALAPPDATA": "/d/local"}, "/d/local"),
    ],
)
def test_compiled_code_lies_where_the_platform_has_caches(platform, environment, folder):
    assert cache_folder(platform, environment) == Path(folder, "clear-opt", "jax")
