"""The house rules: who may import whom, what loads when, what an installed wheel contains."""

import ast
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "clear_opt"

# Lengths that come from a surge take nothing else: a check of an argument.
ARGUMENTS = ("clear_opt/lengths/surge.py",)

# The one map, top to bottom; CONTRIBUTING.md shows the same lines. A module may import from its own
# line and from those below. `inputs` lies above `predictors`, which say what columns they ask for.
LAYERS = """
    cli                               a face: thin, no mathematics
    training                          train, score, register
    plots                             matplotlib for print, plotly for pages; the report
    evaluation                        replay on recorded answers
    datasets                          known optima, random problems, streams, demo questions
    sensitivity, policies             budget paths, inverses, gradients | simple rules
    inputs                            query tables and plan files
    predictors                        text to curves
    solvers                           budget (one row), program (many), conic, infeasibility
    problem                           pure data: problems, offers, constraints, answers
    envelopes, fitting                concave hulls, the spend frontier | rollouts to curves
    curves, lengths, rollouts         the ground: utility, completion lengths, recorded answers
    io, tracking, _numerics           rows of files | all MLflow code | arrays, chunks, hulls
    errors, defaults                  what is wrong and what to do | defaults with reasons
"""
OPTIMISATION = (
    "_numerics/",
    "curves/",
    "lengths/",
    "envelopes/",
    "problem/",
    "solvers/",
    "policies/",
    "sensitivity/",
    "datasets/named",
    "datasets/random",
)
LEARNING = ("sklearn", "lightgbm", "mlflow", "pandas")


def layers():
    """Give the parts of each layer, bottom to top."""
    lines = LAYERS.strip("\n").splitlines()[::-1]
    return [set(line[:36].replace(",", " ").split()) for line in lines]


def layer_of(part):
    top = {"__init__", "__main__"}
    levels = [*layers()[:-1], layers()[-1] | top]
    return next(level for level, parts in enumerate(levels) if part in parts)


def modules():
    return sorted(PACKAGE.rglob("*.py"))


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module


def part_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def test_the_contributors_see_the_same_map():
    assert LAYERS.strip("\n") in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    parts = {part_of(path) for path in modules()} - {"__init__", "__main__"}
    assert sorted(parts) == sorted(part for layer in layers() for part in layer)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_imports_point_downwards(path):
    part = part_of(path)
    for name in imports_of(path):
        assert name.split(".")[0] != "benchmarks", f"{path} imports {name}"
        if name.startswith("clear_opt.") and part != "__init__":
            other = name.split(".")[1]
            assert layer_of(other) <= layer_of(part), f"{path} imports {name}"
        if path.relative_to(PACKAGE).as_posix().startswith(OPTIMISATION):
            assert name.split(".")[0] not in LEARNING


def test_all_mlflow_code_sits_in_one_module():
    users = {
        str(path.relative_to(ROOT))
        for path in (*modules(), *(ROOT / "training").rglob("*.py"))
        if any(name.split(".")[0] == "mlflow" for name in imports_of(path))
    }
    assert users == {"clear_opt/tracking/mlflow_store.py"}


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_modules_stay_readable_in_one_sitting(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 400


def classes_of(path):
    nodes = ast.walk(ast.parse(path.read_text(encoding="utf-8")))
    return [node for node in nodes if isinstance(node, ast.ClassDef)]


def test_no_class_name_is_used_twice():
    names = [node.name for path in modules() for node in classes_of(path)]
    assert sorted({name for name in names if names.count(name) > 1}) == []


def test_nobody_asks_which_family_a_curve_or_envelope_is():
    """What differs between families is a method or a registry, so that a user's own has it too."""
    families, grown = {"Curve", "Envelope"}, True
    bases = {
        node.name: {base.id for base in node.bases if isinstance(base, ast.Name)}
        for path in modules()
        for node in classes_of(path)
    }
    while grown:
        more = {name for name, above in bases.items() if above & families} - families
        families, grown = families | more, bool(more)
    assert {"ShiftedSurge", "TabularCurve", "HullEnvelope", "BlockEnvelope"} <= families
    for path in modules():
        if part_of(path) in ("curves", "envelopes"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "isinstance":
                asked = {part.id for part in ast.walk(node.args[1]) if isinstance(part, ast.Name)}
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                assert not asked & families or where.startswith(ARGUMENTS), where


def run_python(code, **environment):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, **environment},
        check=False,
    )


def test_the_core_solves_with_every_optional_package_absent():
    done = run_python(
        "import sys\n"
        "absent = ['sklearn', 'lightgbm', 'mlflow', 'pandas', 'pyarrow', 'matplotlib', 'typer',\n"
        "          'rich', 'pydantic']\n"
        "sys.modules.update(dict.fromkeys(absent))\n"
        "from clear_opt import *\n"
        "from clear_opt.policies import uniform\n"
        "problem = AllocationProblem(ShiftedSurge.from_height([80, 150], 0.9, 60.0), budget=150)\n"
        "print(cross_check(problem).agrees(), uniform(problem).spent)\n"
        "try:\n"
        "    solve(problem).to_table()\n"
        "except MissingExtraError as error:\n"
        "    print(error)\n"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines() == [
        "True 150",
        "this needs pyarrow: pip install 'clear-opt[tables]'",
    ]


def test_importing_the_package_loads_neither_jax_nor_cvxpy():
    done = run_python(
        "import sys, clear_opt\n"
        "print([name for name in ('jax', 'cvxpy', 'numpy', 'sklearn') if name in sys.modules])\n"
        "print(set(clear_opt.__all__) == set(dir(clear_opt)))\n"
    )
    assert done.stdout.splitlines() == ["[]", "True"], done.stderr


def test_the_users_jax_configuration_is_left_alone_and_nothing_is_printed():
    done = run_python(
        "import jax, jax.numpy as jnp\n"
        "from clear_opt import *\n"
        "problem = AllocationProblem(ShiftedSurge.from_height([80, 150], 0.9, 60.0), budget=150)\n"
        "price = cross_check(problem).dual.price\n"
        "assert jnp.ones(1).dtype == jnp.float32 and not jax.config.jax_enable_x64\n"
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_unknown_names_are_attribute_errors():
    import clear_opt

    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        _ = clear_opt.nothing


def test_the_wheel_brings_the_shipped_predictor(tmp_path):
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    assert {"clear_opt/py.typed", "clear_opt/plots/report/report.html.j2"} <= set(names)
    assert any(name.startswith("clear_opt/models/zeroeval-math/") for name in names)
    assert not any(name.startswith(("benchmarks", "clear_opt/bench")) for name in names)
    assert not any(name.endswith((".pkl", ".pickle", ".joblib")) for name in names)


def test_no_lock_line_names_a_host():
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert "://" not in lock
    assert "torch" not in lock
