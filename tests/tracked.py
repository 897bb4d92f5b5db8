"""A table whose truth is known, predictors that tell it well and badly, and an MLflow store."""

import contextlib
import shutil
import warnings

import numpy as np
import pytest

from clear_opt.predictors import BoostedLearner, LinearLearner, SurgePredictor
from clear_opt.rollouts import Rollouts

BUDGETS = (100, 300)
GOOD = SurgePredictor(learner=BoostedLearner(n_estimators=20, residual_n_estimators=5))
POOR = SurgePredictor(learner=LinearLearner(alpha=1e9))  # the same curve for every query


def two_kinds(queries=200, models=("big", "small"), seed=0, first=0):
    """Short sums that are mostly right, and long proofs that are mostly wrong."""
    rng = np.random.default_rng(seed)
    number = np.arange(first, first + queries)
    hard = number % 2 == 1
    texts = [f"Prove theorem {k} on curves." if h else f"Add {k} and {k + 2}."
             for k, h in zip(number, hard, strict=True)]  # fmt: skip
    query = np.tile(np.arange(queries), len(models))
    length = np.where(hard[query], 900, 90) * np.exp(0.2 * rng.standard_normal(len(query)))
    return Rollouts(
        [f"q{number[k]}" for k in query],
        np.round(length),
        rng.random(len(query)) < np.where(hard[query], 0.2, 0.9),
        np.array(texts, dtype=object)[query],
        model=np.repeat(np.array(models, dtype=object), queries),
    )


@pytest.fixture(scope="session")
def empty_database(tmp_path_factory):
    """An MLflow store without content; making one takes seconds, so it is made once."""
    from clear_opt import tracking

    path = tmp_path_factory.mktemp("store") / "mlflow.db"
    with contextlib.chdir(path.parent):  # MLflow notes where it is for its default experiment
        assert (
            tracking.version_by_alias("none", "champion", tracking_uri=f"sqlite:///{path}") is None
        )
    return path


@pytest.fixture
def store(empty_database, tmp_path, monkeypatch):
    """The URI of a store in the test's own folder, which is also the working directory."""
    for name in ("MLFLOW_TRACKING_URI", "MLFLOW_REGISTRY_URI", "MLFLOW_RUN_ID"):
        monkeypatch.delenv(name, raising=False)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    monkeypatch.chdir(tmp_path)
    return f"sqlite:///{tmp_path / 'mlflow.db'}"


@pytest.fixture
def client(store):
    """MLflow's own view of the store, the truth of these tests."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mlflow import MlflowClient

        return MlflowClient(store, store)
