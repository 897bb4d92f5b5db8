"""Public is what `clear_opt` or a topic package exports; pages and notebooks use nothing else."""

import ast
import importlib
import json
import re
from pathlib import Path
from types import FunctionType

import pytest

ROOT = Path(__file__).resolve().parents[1]

PUBLIC = {
    "clear_opt",
    "clear_opt.curves",
    "clear_opt.datasets",
    "clear_opt.envelopes",
    "clear_opt.errors",
    "clear_opt.evaluation",
    "clear_opt.fitting",
    "clear_opt.inputs",
    "clear_opt.io",
    "clear_opt.lengths",
    "clear_opt.plots",
    "clear_opt.plots.interactive",
    "clear_opt.plots.report",
    "clear_opt.policies",
    "clear_opt.predictors",
    "clear_opt.predictors.embedding",
    "clear_opt.problem",
    "clear_opt.rollouts",
    "clear_opt.rollouts.importers",
    "clear_opt.sensitivity",
    "clear_opt.solvers",
    "clear_opt.solvers.infeasibility",
    "clear_opt.tracking",
    "clear_opt.training",
}

PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
REFERENCE = sorted((ROOT / "docs" / "reference").glob("*.md"))


def named(path):
    return path.name


def code_in(path):
    text = path.read_text(encoding="utf-8")
    if path.suffix == ".ipynb":
        cells = json.loads(text)["cells"]
        found = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
        return [re.sub(r"(?m)^[%!].*$", "", cell) for cell in found]
    return re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)


def imported_in(path):
    for code in code_in(path):
        for node in ast.walk(ast.parse(code)):
            if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("clear_opt"):
                yield from ((node.module, alias.name) for alias in node.names)
            if isinstance(node, ast.Import):
                yield from ((alias.name, None) for alias in node.names if "clear_opt" in alias.name)


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=named)
def test_pages_and_notebooks_use_public_names_only(path):
    for module, name in imported_in(path):
        assert module in PUBLIC, f"{module} is not public"
        exported = importlib.import_module(module).__all__
        submodule = f"{module}.{name}" in PUBLIC
        assert name is None or name in exported or submodule, f"{module} does not export {name}"


@pytest.mark.parametrize("path", REFERENCE, ids=named)
def test_the_reference_documents_public_names_only(path):
    for name in re.findall(r"(?m)^::: (clear_opt[\w.]*)", path.read_text(encoding="utf-8")):
        module, _, last = name.rpartition(".")
        if name in PUBLIC:
            continue
        assert module in PUBLIC, f"{name} is not in a public package"
        assert last in importlib.import_module(module).__all__, f"{module} does not export {last}"


@pytest.mark.parametrize("module", sorted(PUBLIC))
def test_every_exported_name_exists_and_has_a_docstring(module):
    found = importlib.import_module(module)
    for name in found.__all__:
        value = getattr(found, name)
        if isinstance(value, type | FunctionType):
            assert value.__doc__, f"{module}.{name} has no docstring"
