"""Notebooks: each runs from a clean kernel and checks itself; what is committed has no outputs."""

import re
import sys
from pathlib import Path

import nbformat
import pytest
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError
from nbconvert.preprocessors import ClearMetadataPreprocessor, ClearOutputPreprocessor

FOLDER = Path(__file__).resolve().parents[1] / "notebooks"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
each_notebook = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)

GUARD = """
import sys, warnings, socket
assert sys.prefix == {prefix!r}
warnings.simplefilter("error")
warnings.filterwarnings("default", module="ipykernel")  # it warns of itself as it stops

def connect(self, address, really=socket.socket.connect):
    if isinstance(address, tuple) and address[0] not in ("127.0.0.1", "localhost", "::1"):
        raise OSError("a notebook asked for the network")
    return really(self, address)

socket.socket.connect = connect
"""


@pytest.fixture
def run(tmp_path, monkeypatch):
    """Execute cells in a new kernel of this Python, in a folder of its own, with nobody's settings.

    Warnings are errors in it, and it reaches no other machine.
    """
    for name in ("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR", "IPYTHONDIR"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID", "PYTHONPATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("JUPYTER_PLATFORM_DIRS", "1")
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    work = tmp_path / "work"
    work.mkdir()

    def execute(cells):
        guard = nbformat.v4.new_code_cell(GUARD.format(prefix=sys.prefix))
        notebook = nbformat.v4.new_notebook(cells=[guard, *cells])
        where = {"metadata": {"path": str(work)}}
        NotebookClient(notebook, timeout=300, kernel_name="python3", resources=where).execute()
        return notebook.cells[1:]

    assert KernelSpecManager().get_kernel_spec("python3").argv[1:3] == ["-m", "ipykernel_launcher"]
    return execute


def code_of(cells):
    return [cell for cell in cells if cell.cell_type == "code"]


def test_the_five_stories_are_there():
    assert [path.stem[:2] for path in NOTEBOOKS] == ["01", "02", "03", "04", "05"]


@each_notebook
def test_a_notebook_runs_from_a_clean_kernel(path, run):
    cells = code_of(run(nbformat.read(path, as_version=4).cells))
    assert [cell.execution_count for cell in cells] == list(range(2, len(cells) + 2))
    outputs = [output for cell in cells for output in cell.outputs]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) >= 3


@each_notebook
def test_a_notebook_checks_what_it_claims(path):
    cells = nbformat.read(path, as_version=4).cells
    code = "\n".join(cell.source for cell in code_of(cells))
    assert len(re.findall(r"^ *assert ", code, re.MULTILINE)) >= 10
    text = "\n".join(cell.source for cell in cells if cell.cell_type == "markdown")
    assert text.startswith(f"# {path.stem[:2]} ")
    assert "$$" in text


@each_notebook
def test_a_notebook_is_kept_without_outputs(path):
    text = path.read_text(encoding="utf-8")
    notebook = nbformat.reads(text, as_version=4)
    for step in (ClearOutputPreprocessor, ClearMetadataPreprocessor):
        notebook, _ = step(enabled=True)(notebook, {})
    assert text == nbformat.writes(notebook) + "\n", "run make format, which clears outputs"
    assert len(text) < 200_000
    assert not any(word in text for word in ("../shared", "/work/"))


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("assert False", "AssertionError"),
        ("import warnings; warnings.warn('careful')", "UserWarning"),
        ("import socket; socket.create_connection(('192.0.2.1', 80), 1)", "asked for the network"),
    ],
)
def test_a_notebook_that_fails_a_check_warns_or_leaves_the_machine_fails(code, error, run):
    with pytest.raises(CellExecutionError, match=error):
        run([nbformat.v4.new_code_cell(code)])


@each_notebook
def test_a_notebook_is_told_of(path):
    assert f"`{path.name}`" in (FOLDER / "README.md").read_text(encoding="utf-8")
    page = (FOLDER.parent / "docs" / "notebooks.md").read_text(encoding="utf-8")
    title = nbformat.read(path, as_version=4).cells[0].source.splitlines()[0]
    assert f"| {title[2:4]} | {title.split(' · ')[1].split(', small')[0][:30]}" in page
