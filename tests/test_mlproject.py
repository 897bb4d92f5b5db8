"""``training/`` as an MLflow Project, run as a user runs it."""

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import typer.main
import yaml

from clear_opt.cli.app import app
from clear_opt.predictors import load_predictor
from clear_opt.rollouts import write_rollouts
from tests.tracked import client, empty_database, store, two_kinds

__all__ = ["client", "empty_database", "store"]  # fixtures

ROOT = Path(__file__).resolve().parents[1]
PROJECT = yaml.safe_load((ROOT / "training" / "MLproject").read_text(encoding="utf-8"))


def test_the_project_trains_into_its_own_run(store, client, tmp_path):
    write_rollouts(two_kinds(), tmp_path / "rollouts.parquet")
    given = {
        "rollouts": "rollouts.parquet",  # from where mlflow is called
        "out": str(tmp_path / "mine"),
        "learner": "linear",
        "budgets": "100,300",
        "register": "maths",
    }
    parameters = [word for item in given.items() for word in ("-P", "=".join(item))]
    done = subprocess.run(
        [sys.executable, "-m", "mlflow", "run", str(ROOT / "training"), "-e", "train",
         *parameters, "--env-manager=local"],
        capture_output=True,
        text=True,
        env={
            **{name: value for name, value in os.environ.items() if name != "VIRTUAL_ENV"},
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "MLFLOW_TRACKING_URI": store,
            "MLFLOW_DISABLE_TELEMETRY": "true",
        },
        check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "registered maths version 1: there was no champion" in done.stdout
    (run,) = client.search_runs(["0"])
    assert (run.info.status, run.data.params["learner"]) == ("FINISHED", "linear")
    assert run.data.params["predictor.learner"] == "LinearLearner"
    assert 0.5 < run.data.metrics["triage_efficiency"] <= 1
    assert run.outputs.model_outputs
    saved = load_predictor(tmp_path / "mine")
    loaded = load_predictor("models:/maths@champion", tracking_uri=store)
    texts = two_kinds().texts()
    assert (loaded.predict(texts).alpha == saved.predict(texts).alpha).all()


@pytest.mark.parametrize("name", ["import", "train", "evaluate", "register"])
def test_entry_points_are_commands_that_exist(name):
    entry = PROJECT["entry_points"][name]
    known = typer.main.get_command(app).commands
    script, command, rest = re.fullmatch(r"bash (\S+) (\w+) (.*)", entry["command"]).groups()
    assert os.access(ROOT / "training" / script, os.R_OK)
    options = {option for p in known[command].params for option in p.opts}
    assert command == name
    assert set(re.findall(r"--[\w-]+", rest)) <= options
    assert set(re.findall(r"\{(\w+)\}", rest)) == set(entry["parameters"])
    required = {p.name for p in known[command].params if p.required}
    assert len(set(entry["parameters"])) >= len(required)


def test_the_environment_has_what_the_package_names():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"]

    def needed(extra):
        for requirement in extras[extra]:
            if own := re.fullmatch(r"clear-opt\[(.*)\]", requirement):
                for other in own[1].split(","):
                    yield from needed(other)
            else:
                yield requirement

    listed = yaml.safe_load((ROOT / "training" / "python_env.yaml").read_text(encoding="utf-8"))
    wanted = set(project["dependencies"]).union(*map(needed, ("cli", "track", "inspect")))
    assert set(listed["dependencies"]) == wanted


def test_without_an_environment_the_script_says_so(tmp_path):
    (tmp_path / "training").mkdir()
    script = tmp_path / "training" / "clear-opt.sh"
    script.write_bytes((ROOT / "training" / "clear-opt.sh").read_bytes())
    done = subprocess.run(
        ["bash", str(script), "train"],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin:/bin"},
        check=False,
    )
    assert done.returncode == 2
    assert "run make, or activate" in done.stderr
