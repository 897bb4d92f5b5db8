"""All that touches MLflow: runs, logged models, the registry. It knows files and numbers only.

What a predictor is, and which of two is better, is decided elsewhere (`clear_opt.training`). The
module uses `mlflow.MlflowClient` throughout: the fluent functions (``mlflow.start_run``,
``mlflow.pyfunc.log_model``) work on global state, and the caller's tracking URI, experiment and
active run must not change. Needs ``clear-opt[track]``.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.tracking.reach import check_reachable, download_failed, prepare_file, unusable
from clear_opt.tracking.records import LoggedRun, ModelFiles, RunRecord, Version
from clear_opt.tracking.silence import silence
from clear_opt.tracking.uris import ARTIFACTS, SCHEME, database_file, local_store, model_name, shown

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import LoggedModel

EXPERIMENT = "clear_opt"
"""Experiment of the runs, unless named otherwise."""

_DATA = "data"  # where MLflow puts the files of a model that has a loader module
_PREDICTOR = "predictor"  # the folder of a predictor's own files in there
_MODEL_NAME = "predictor"  # of the logged model
_PARAMS_AT_ONCE, _METRICS_AT_ONCE = 100, 1000  # limits of the server
_LONGEST_PARAM = 6000
_THERE = "RESOURCE_ALREADY_EXISTS"
_NOT_THERE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")


def check_installed() -> None:
    """Check that MLflow is installed, before any work is done for it.

    Raises
    ------
    MissingExtraError
        If MLflow is not installed.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            import mlflow  # noqa: F401
        except ImportError as error:
            raise MissingExtraError("MLflow", "track") from error


def store_uri(tracking_uri: str | None = None) -> str:
    """Return the URI of the store that a call uses, after checking that it can be reached.

    Parameters
    ----------
    tracking_uri : str, optional
        Where the caller names one. Otherwise it is what ``mlflow.set_tracking_uri`` or the
        environment variable ``MLFLOW_TRACKING_URI`` say; otherwise the SQLite file ``mlflow.db``
        in the working directory.

    Raises
    ------
    InvalidInputError
        If a SQLite store is a folder, or its folder does not exist.
    TrackingError
        If it does not answer within seconds, or a database's driver is not installed.
    """
    uri = tracking_uri
    with _silent_mlflow():
        if uri is None:
            import mlflow

            uri = mlflow.get_tracking_uri() if mlflow.is_tracking_uri_set() else None
        uri = uri or local_store()
        check_reachable(uri)
    return uri


def log_run(
    record: RunRecord, *, tracking_uri: str | None = None, experiment: str | None = None
) -> LoggedRun:
    """Log a run with its numbers, tables, files and model.

    Parameters
    ----------
    record : RunRecord
        What it holds.
    tracking_uri : str, optional
        See `store_uri`.
    experiment : str, optional
        Its experiment, made if need be; `EXPERIMENT` by default. Where neither it nor
        ``tracking_uri`` is given and ``mlflow run`` has started a run for this process, that
        run takes everything.

    Raises
    ------
    TrackingError
        If the store refuses; the run is then marked as failed.
    """
    with _client(tracking_uri) as client:
        begun = None if experiment or tracking_uri else os.environ.get("MLFLOW_RUN_ID")
        run = client.get_run(begun) if begun else client.create_run(_experiment(client, experiment))
        run_id, experiment_id = run.info.run_id, run.info.experiment_id
        try:
            model_id = ""
            if record.model is not None:
                model_id = _log_model(client, record, record.model, run_id, experiment_id)
            _log_numbers(client, record, run_id, model_id)
            client.log_artifacts(run_id, str(record.files))
        except BaseException:
            client.set_terminated(run_id, "FAILED")
            raise
        if not begun:
            client.set_terminated(run_id)
        return LoggedRun(run_id, model_id, shown(client.tracking_uri))


def model_of_run(run_id: str, *, tracking_uri: str | None = None) -> LoggedRun:
    """Return the logged model of a run.

    Raises
    ------
    InvalidInputError
        If the run logged none.
    TrackingError
        If there is no such store or run.
    """
    with _client(tracking_uri, create=False) as client:
        outputs = client.get_run(run_id).outputs
        models = [] if outputs is None else outputs.model_outputs
        if not models:
            raise InvalidInputError(
                "has logged no model", column="run", value=run_id, remedy="name another run"
            )
        return LoggedRun(run_id, models[-1].model_id, shown(client.tracking_uri))


def add_version(
    name: str, logged: LoggedRun, *, tags: Mapping[str, str], tracking_uri: str | None = None
) -> Version:
    """Register a logged model as a new version; the first makes the registered model.

    Raises
    ------
    TrackingError
        If the store refuses, for instance the name.
    """
    with _client(tracking_uri) as client:
        from mlflow.exceptions import MlflowException

        try:
            client.create_registered_model(name)
        except MlflowException as error:
            if error.error_code != _THERE:
                raise
        # The files' place rather than models:/ID, which would be looked up in the global store.
        source = client.get_logged_model(logged.model_id).artifact_location
        made = client.create_model_version(
            name, source, run_id=logged.run_id, tags=dict(tags), model_id=logged.model_id
        )
        version = Version(name, int(made.version))
        known = [{"name": name, "version": version.version}]
        client.set_logged_model_tags(logged.model_id, {"mlflow.modelVersions": json.dumps(known)})
        return version


def version_by_alias(name: str, alias: str, *, tracking_uri: str | None = None) -> Version | None:
    """Return the version that an alias points to; ``None`` where there is none."""
    with _client(tracking_uri) as client:
        from mlflow.exceptions import MlflowException

        try:
            found = client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in _NOT_THERE:
                raise
            return None
        return Version(name, int(found.version))


def set_alias(version: Version, alias: str, *, tracking_uri: str | None = None) -> None:
    """Point an alias to a version."""
    with _client(tracking_uri) as client:
        client.set_registered_model_alias(version.name, alias, str(version.version))


@contextmanager
def download(uri: str, *, tracking_uri: str | None = None) -> Iterator[Path]:
    """Download the predictor's own files of a logged or registered model to a temporary folder.

    Nothing else of the model is downloaded or read: not MLflow's description of it, which may name
    any Python module to be imported, nor any pickle that lies beside.

    Parameters
    ----------
    uri : str
        ``models:/NAME@ALIAS``, ``models:/NAME/VERSION`` or ``models:/MODEL_ID``.
    tracking_uri : str, optional
        See `store_uri`.

    Yields
    ------
    pathlib.Path
        A folder that is removed afterwards.

    Raises
    ------
    InvalidInputError
        If the URI is none of these, or if the model is not a predictor of clear_opt.
    TrackingError
        If there is no such store or model, or if its files cannot be downloaded; the message names
        the cause (connection, permission, or files that are gone) and a remedy.
    """
    model_name(uri)  # checked first: a malformed name is no reason to contact a store
    with tempfile.TemporaryDirectory() as scratch:
        with _client(tracking_uri, create=False) as client:
            place = _location(client, uri).rstrip("/")
            try:
                folder = _download_from(place, scratch, client.tracking_uri)
            except Exception as error:  # each kind of artifact store has exceptions of its own
                raise download_failed(uri, place, error) from error
            if folder is None:
                raise InvalidInputError(
                    "is not a predictor that clear_opt logged",
                    column="predictor",
                    value=uri,
                    remedy="register one with clear-opt train --register",
                )
        yield folder


def _download_from(place: str, scratch: str, store: str) -> Path | None:
    """Download the predictor's own files of a model; ``None`` where it holds only others."""
    from mlflow.artifacts import download_artifacts, list_artifacts

    data = f"{place}/{_DATA}"
    entries = list_artifacts(artifact_uri=data, tracking_uri=store)
    if any(entry.is_dir and Path(entry.path).name == _PREDICTOR for entry in entries):
        own = f"{data}/{_PREDICTOR}"
        return Path(download_artifacts(own, dst_path=scratch, tracking_uri=store))
    # MLflow lists nothing, and raises nothing, where a folder is gone.
    if not list_artifacts(artifact_uri=place, tracking_uri=store):
        raise FileNotFoundError("there are none")
    return None


def _location(client: MlflowClient, uri: str) -> str:
    """Return the place of a model's files."""
    name, alias, version, model_id = model_name(uri)
    if model_id is None:
        if alias is not None:
            version = client.get_model_version_by_alias(name, alias).version
        place = client.get_model_version_download_uri(name, str(version))
        if not place.startswith(SCHEME):
            return place
        model_id = model_name(place).model_id  # registered by another tool from a logged model
    return client.get_logged_model(str(model_id)).artifact_location


def _experiment(client: MlflowClient, name: str | None) -> str:
    from mlflow.exceptions import MlflowException

    name = name or os.environ.get("MLFLOW_EXPERIMENT_NAME") or EXPERIMENT
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    database = database_file(client.tracking_uri)
    # Without a place of its own an experiment would fill ./mlruns, wherever that is today.
    place = None if database is None else (database.parent / ARTIFACTS).as_uri()
    try:
        return client.create_experiment(name, artifact_location=place)
    except MlflowException as error:
        found = client.get_experiment_by_name(name)
        if error.error_code != _THERE or found is None:
            raise
        return found.experiment_id  # of another process that came first


def _log_model(
    client: MlflowClient, record: RunRecord, model: ModelFiles, run_id: str, experiment_id: str
) -> str:
    """Do what ``log_model(name=...)`` does, in a store of our choice."""
    from mlflow.entities import LoggedModelOutput

    params = {name: value[:_LONGEST_PARAM] for name, value in record.params.items()}
    made = client.create_logged_model(
        experiment_id,
        name=_MODEL_NAME,
        source_run_id=run_id,
        params=params,
        tags=dict(record.tags),
        model_type=model.loader_module.partition(".")[0],
    )
    client.log_outputs(run_id, [LoggedModelOutput(made.model_id, step=0)])
    try:
        with tempfile.TemporaryDirectory() as scratch:
            folder = Path(scratch) / "model"
            own = shutil.copytree(model.folder, Path(scratch) / _PREDICTOR)
            _write_model(model, own, folder, run_id, made)
            client.log_model_artifacts(made.model_id, str(folder))
    except BaseException:
        client.finalize_logged_model(made.model_id, "FAILED")
        raise
    client.finalize_logged_model(made.model_id, "READY")
    return made.model_id


def _write_model(
    model: ModelFiles, own: Path, folder: Path, run_id: str, made: LoggedModel
) -> None:
    from mlflow import pyfunc
    from mlflow.models import Model, ModelSignature
    from mlflow.types import ColSpec, ParamSchema, ParamSpec, Schema

    inputs, outputs = (
        Schema([ColSpec(kind, name, required) for name, (kind, required) in columns.items()])
        for columns in (model.inputs, model.outputs)
    )
    params = ParamSchema([ParamSpec(name, "string", text) for name, text in model.params.items()])
    pyfunc.save_model(
        str(folder),
        loader_module=model.loader_module,
        data_path=str(own),
        signature=ModelSignature(inputs, outputs, params),
        input_example=model.example,
        pip_requirements=list(model.requirements),
        mlflow_model=Model(
            artifact_path=made.artifact_location,
            model_uuid=made.model_id,
            run_id=run_id,
            model_id=made.model_id,
        ),
    )


def _log_numbers(client: MlflowClient, record: RunRecord, run_id: str, model_id: str) -> None:
    from mlflow.entities import Dataset, DatasetInput, InputTag, Param, RunTag
    from mlflow.entities import Metric as Logged

    params = [Param(name, value[:_LONGEST_PARAM]) for name, value in record.params.items()]
    for start in range(0, len(params), _PARAMS_AT_ONCE):
        client.log_batch(run_id, params=params[start : start + _PARAMS_AT_ONCE])
    client.log_batch(run_id, tags=[RunTag(name, value) for name, value in record.tags.items()])
    used = [
        DatasetInput(Dataset(**data.fields()), [InputTag("mlflow.data.context", data.context)])
        for data in record.datasets
    ]
    client.log_inputs(run_id, used)
    measured_on = used[-1].dataset if used else None
    now = int(1000 * time.time())
    metrics = [
        Logged(
            metric.name,
            metric.value,
            now,
            metric.step,
            model_id=model_id or None,
            dataset_name=measured_on.name if measured_on else None,
            dataset_digest=measured_on.digest if measured_on else None,
            run_id=run_id,
        )
        for metric in record.metrics
    ]
    for start in range(0, len(metrics), _METRICS_AT_ONCE):
        client.log_batch(run_id, metrics=metrics[start : start + _METRICS_AT_ONCE])


@contextmanager
def _client(tracking_uri: str | None, *, create: bool = True) -> Iterator[MlflowClient]:
    """Return a client of a store, made only on ``create``; MLflow's errors become one of ours."""
    uri = store_uri(tracking_uri)
    with _silent_mlflow():
        from alembic.util import CommandError
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            prepare_file(uri, create, lambda fresh: MlflowClient(fresh).search_experiments(1))
            # A store that the caller names is its own registry, whatever is set elsewhere.
            yield MlflowClient(uri, registry_uri=None if tracking_uri is None else uri)
        except (MlflowException, SQLAlchemyError, CommandError, OSError) as error:
            raise unusable(uri, str(error)) from error


@contextmanager
def _silent_mlflow() -> Iterator[None]:
    """Import MLflow and silence it; importing it sets up its loggers, so that comes first."""
    check_installed()
    with silence():
        yield
