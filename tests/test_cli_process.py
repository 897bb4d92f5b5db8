"""The command line in processes of its own: start-up, missing extras, clean streams."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


def python(code):
    """Run code in a new process, with this checkout importable."""
    root = str(Path(__file__).parents[1])
    environment = {**os.environ, "PYTHONPATH": root}
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        env=environment,
        timeout=120,
    )


def test_help_loads_nothing_heavy():
    result = python(
        "import sys; sys.argv = ['clear-opt', 'allocate', '--help']\n"
        "from clear_opt.cli import main\n"
        "try: main()\n"
        "except SystemExit as end: assert end.code == 0\n"
        "heavy = {'jax', 'cvxpy', 'sklearn', 'lightgbm', 'numpy', 'pyarrow', 'matplotlib'}\n"
        "sys.exit(f'{heavy & set(sys.modules)} loaded' if heavy & set(sys.modules) else 0)"
    )
    assert result.returncode == 0, result.stderr
    assert "--budget" in result.stdout


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
        "try: import clear_opt.tables\n"
        "except MissingExtraError as error: print(error)"
    )
    assert "clear-opt[cli]" in result.stdout


def test_a_process_of_its_own(tmp_path):
    path = tmp_path / "curves.jsonl"
    path.write_text('{"query_id": "a", "tau": 100, "height": 0.9, "width": 50}')
    result = python(
        f"import sys; sys.argv = ['clear-opt', 'allocate', {str(path)!r}, '--budget', '150', "
        "'--json']\nfrom clear_opt.cli import main; main()"
    )
    assert (result.returncode, result.stderr) == (0, "")
    found = json.loads(result.stdout)
    assert found["spent"] == 150
    assert found["expected_utility"] == pytest.approx(0.9)  # at the peak, by hand
