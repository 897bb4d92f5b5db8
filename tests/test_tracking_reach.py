"""MLflow stores that are not there, do not answer, or are used by several processes at first."""

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from clear_opt import tracking
from clear_opt.errors import ClearOptError, InvalidInputError
from clear_opt.predictors import load_predictor
from clear_opt.tracking import TrackingError, reach, store_uri
from tests.tracked import empty_database, store  # noqa: F401

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def silent(monkeypatch):
    """A server that takes connections and says nothing."""
    monkeypatch.setattr(reach, "ANSWER_SECONDS", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_server_that_says_nothing_is_told_in_seconds(silent):
    uri = f"http://ann:secret@127.0.0.1:{silent}"
    with pytest.raises(TrackingError, match=r"does not answer within 0.2 seconds; check") as caught:
        load_predictor("models:/maths@champion", tracking_uri=uri)
    assert "secret" not in str(caught.value)
    assert caught.value.__cause__ is not None


@pytest.mark.parametrize(
    ("uri", "problem"),
    [
        ("http://127.0.0.1:1", "does not answer"),
        ("http://[::1", "does not answer"),
        ("https://", "does not answer"),
        ("mysql://127.0.0.1:1/runs", "its driver MySQLdb is not installed"),
        ("mysql+nothing://127.0.0.1/runs", "nothing"),
        ("postgresql://127.0.0.1:none/runs", "none"),
    ],
)
def test_an_address_that_leads_nowhere_is_refused_at_once(monkeypatch, uri, problem):
    monkeypatch.setitem(sys.modules, "MySQLdb", None)
    with pytest.raises(TrackingError, match=problem):
        store_uri(uri)


def test_a_database_server_that_is_not_there_is_named(monkeypatch):
    class Driver:
        paramstyle, __version__ = "pyformat", "2.0"

    monkeypatch.setitem(sys.modules, "MySQLdb", Driver())
    with pytest.raises(TrackingError, match=r"mysql://127\.0\.0\.1:1/runs: does not answer"):
        store_uri("mysql://127.0.0.1:1/runs")


NAMES = ["", "x", "x@", "@y", "x/0/y", "x@y@z", "x/latest", "../x@y", "none@champion", "none/1",
         "none/99999999999999999999", "m-0123456789abcdef", "m-", " @ "]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_looking_for_a_model_makes_no_store(tmp_path, monkeypatch, name):
    monkeypatch.chdir(tmp_path)
    for uri in (f"sqlite:///{tmp_path}/m.db", "sqlite:///m.db"):
        with pytest.raises(ClearOptError, match=r"does not name|m\.db: not found"):
            load_predictor(f"models:/{name}", tracking_uri=uri)
    with pytest.raises(TrackingError, match=r"m\.db: not found; name the store"):
        tracking.model_of_run("0" * 32, tracking_uri="sqlite:///m.db")
    assert list(tmp_path.iterdir()) == []


def test_a_store_that_is_a_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="is no file"):
        store_uri(f"sqlite:///{tmp_path}")


class ForeignError(Exception):
    """As the clients of S3 and others raise: neither of MLflow nor an OSError."""

    def __init__(self, message, status):
        super().__init__(message)
        self.response = {"ResponseMetadata": {"HTTPStatusCode": status}}


def http_error(status):
    from requests import HTTPError, Response

    answer = Response()
    answer.status_code = status
    return HTTPError(f"status {status}", response=answer)


def mlflow_error(code):
    from mlflow.exceptions import MlflowException
    from mlflow.protos import databricks_pb2

    return MlflowException(f"says {code}", getattr(databricks_pb2, code))


CONNECTION, PERMISSION, GONE = "check the connection", "check your permissions", "deleted or moved"
FAILURES = {
    "reset": (lambda: ConnectionResetError("the line went dead"), CONNECTION),
    "timeout": (lambda: TimeoutError("timed out"), CONNECTION),
    "client missing": (
        lambda: ModuleNotFoundError("No module named 'boto3'"),
        "install the client",
    ),
    "server error": (lambda: http_error(503), CONNECTION),
    "denied": (lambda: PermissionError(13, "Permission denied"), PERMISSION),
    "forbidden": (lambda: http_error(403), PERMISSION),
    "S3 forbidden": (lambda: ForeignError("Access Denied", 403), PERMISSION),
    "MLflow denied": (lambda: mlflow_error("PERMISSION_DENIED"), PERMISSION),
    "no file": (lambda: FileNotFoundError(2, "No such file"), GONE),
    "S3 no file": (lambda: ForeignError("NoSuchKey", 404), GONE),
    "MLflow no file": (lambda: mlflow_error("RESOURCE_DOES_NOT_EXIST"), GONE),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("broken", ["list_artifacts", "download_artifacts"])
def test_a_download_that_fails_names_cause_and_remedy(store, monkeypatch, broken, failure):  # noqa: F811
    from mlflow import MlflowClient
    from mlflow.entities import FileInfo

    model = MlflowClient(store).create_logged_model("0")
    monkeypatch.setattr(
        "mlflow.artifacts.list_artifacts", lambda **_: [FileInfo("data/predictor", True, None)]
    )
    make, remedy = FAILURES[failure]
    error = make()

    def fails(*_, **__):
        raise error

    monkeypatch.setattr(f"mlflow.artifacts.{broken}", fails)
    with pytest.raises(TrackingError, match=remedy) as caught:
        load_predictor(f"models:/{model.model_id}", tracking_uri=store)
    assert caught.value.__cause__ is error
    assert str(error) in str(caught.value)
    assert f"models:/{model.model_id}: its files at" in str(caught.value)
    assert "not a predictor" not in str(caught.value)


def test_files_that_are_gone_are_no_verdict_on_the_model(store):  # noqa: F811
    from mlflow import MlflowClient

    model = MlflowClient(store).create_logged_model("0")
    with pytest.raises(TrackingError, match=f"cannot be downloaded.*{GONE}") as caught:
        load_predictor(f"models:/{model.model_id}", tracking_uri=store)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_model_of_another_kind_is_called_one(store, tmp_path):  # noqa: F811
    from mlflow import MlflowClient

    client = MlflowClient(store)
    model = client.create_logged_model("0")
    (tmp_path / "MLmodel").write_text("flavors: {}")
    client.log_model_artifact(model.model_id, str(tmp_path / "MLmodel"))
    with pytest.raises(InvalidInputError, match="not a predictor that clear_opt logged"):
        load_predictor(f"models:/{model.model_id}", tracking_uri=store)


FIRST_USE = """
import sys
from clear_opt import tracking
sys.stdin.readline()
tracking.version_by_alias("none", "champion", tracking_uri=sys.argv[1])
"""


def test_several_processes_may_be_the_first_to_use_a_store(tmp_path):
    uri = f"sqlite:///{tmp_path}/mlflow.db"
    users = [
        subprocess.Popen(
            [sys.executable, "-c", FIRST_USE, uri],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    for user in users:
        user.stdin.write("\n")
        user.stdin.flush()
    assert [user.communicate()[1] for user in users] == ["", ""]
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]
