"""Predictors on disk: skops and JSON, never pickle, so that loading one runs no code from it."""

from __future__ import annotations

import hashlib
import io
import json
import re
import shutil
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import skops.io
from sklearn.utils.validation import check_is_fitted
from skops.io.exceptions import UntrustedTypesFoundException

from clear_opt.errors import InvalidInputError
from clear_opt.io import parse_json, read_bytes
from clear_opt.io.documents import LARGEST_DOCUMENT
from clear_opt.predictors.archive import LARGEST_STATE, check_archive
from clear_opt.predictors.boosting import BoostedTrees
from clear_opt.predictors.difficulty import QueryDifficulty
from clear_opt.predictors.distribution import Uncertainty
from clear_opt.predictors.embedding import SentenceEmbedding
from clear_opt.predictors.heads import ModelHead
from clear_opt.predictors.learners import BoostedLearner, FractionalLogit, LinearLearner
from clear_opt.predictors.length_head import LengthHead
from clear_opt.predictors.length_shape import LengthShape
from clear_opt.predictors.soundness import check_sound
from clear_opt.predictors.surge_predictor import SurgePredictor
from clear_opt.predictors.text_features import TextFeatures
from clear_opt.predictors.training_range import TrainingRange
from clear_opt.predictors.unit_range import UnitRange
from clear_opt.tracking import SCHEME, download

_FORMAT = "clear_opt surge predictor 4"
_INDEX = "predictor.json"
_STATE = "predictor.skops"

_OWN_TYPES = [
    f"{own.__module__}.{own.__qualname__}"
    for own in (
        BoostedLearner,
        BoostedTrees,
        Uncertainty,
        LengthHead,
        LengthShape,
        LinearLearner,
        FractionalLogit,
        ModelHead,
        QueryDifficulty,
        SentenceEmbedding,
        SurgePredictor,
        TextFeatures,
        TrainingRange,
        UnitRange,
    )
]
_PLAIN_TYPES = ["numpy.dtype"]  # of an encoder's categories; names a type, runs nothing
_LONGEST_REASON = 200  # characters of a foreign error that a message shows
_ZIP_DATE = (1980, 1, 1, 0, 0, 0)


def save_predictor(predictor: SurgePredictor, folder: str | Path) -> None:
    """Write a fitted predictor to a folder, all of it or nothing.

    ``predictor.skops`` holds the predictor in the format of skops: JSON and plain arrays, the trees
    as LightGBM's text. ``predictor.json`` says what it was trained on, and its SHA-256. Other files
    in an existing folder, such as a model card, are kept. The same predictor gives the same bytes.

    Parameters
    ----------
    predictor : SurgePredictor
        A fitted predictor.
    folder : str or pathlib.Path
        Where to write; it and its parents are made where they are missing.

    Raises
    ------
    InvalidInputError
        If the folder is a file, or cannot be written.
    """
    folder = Path(folder).absolute()
    if folder.is_file():
        raise InvalidInputError("is a file", column="folder", value=folder, remedy="give a folder")
    contents = _contents(predictor)
    try:
        _replace(folder, contents)
    except OSError as error:
        raise InvalidInputError(
            f"cannot be written: {error.strerror or error}",
            column="folder",
            value=folder,
            remedy="check what lies there, its permissions and free space",
        ) from error


def _replace(folder: Path, contents: dict[str, bytes]) -> None:
    """Put files into a folder, with those that it has already, by one rename."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        fresh = Path(scratch) / "new"
        if folder.exists():
            ours = shutil.ignore_patterns(*contents)
            shutil.copytree(folder, fresh, symlinks=True, ignore=ours)
        else:
            fresh.mkdir()
        for name, content in contents.items():
            (fresh / name).write_bytes(content)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        fresh.rename(folder)


def load_predictor(
    name: str | Path, *, tracking_uri: str | None = None, trusted: Sequence[str] = ()
) -> SurgePredictor:
    """Load a predictor that ships with the package, one from a folder, or one from MLflow.

    Parameters
    ----------
    name : str or pathlib.Path
        Name of a shipped predictor, as listed by `shipped_predictors`, or a folder written by
        `save_predictor`. A shipped name wins; write ``./NAME`` for a folder called like it.
        ``models:/NAME@champion`` or ``models:/NAME/3`` is a registered predictor.
    tracking_uri : str, optional
        The MLflow store of a registered predictor: see `clear_opt.tracking.store_uri`.
    trusted : sequence of str
        Full names of types that may be loaded beside those of clear_opt, scikit-learn and NumPy:
        needed only for a predictor with features of your own making.

    Raises
    ------
    InvalidInputError
        If there is no such predictor, if a file is missing or was changed since it was written,
        if it holds a type that is not trusted, or if another version of the format wrote it.
    TrackingError
        If the MLflow store has no such model or cannot be reached.

    Notes
    -----
    No file is ever unpickled. Of a registered model only the predictor's own files are downloaded,
    not MLflow's description of it, which names a module for its loader to import. The digests
    detect damage, not malice: whoever can write to the folder can write a matching digest. So
    sizes, references, trees and arrays are checked before a library reads them, and the predictor
    must make sensible predictions.

    Examples
    --------
    >>> load_predictor("no-such-model")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    clear_opt.errors.InvalidInputError: predictor = no-such-model: is no folder ...
    """
    if str(name).startswith(SCHEME):
        with download(str(name), tracking_uri=tracking_uri) as folder:
            return _load_folder(folder, trusted)
    shipped = shipped_predictors()
    folder = shipped.get(str(name), Path(name))
    if not folder.is_dir():
        raise InvalidInputError(
            "is no folder and no shipped predictor",
            column="predictor",
            value=name,
            remedy=f"give a folder, or one of: {', '.join(shipped) or 'none is shipped'}",
        )
    return _load_folder(folder, trusted)


def shipped_predictors() -> dict[str, Path]:
    """Return the folders of the predictors that come with the package, by name."""
    package = Path(__file__).resolve().parents[1]
    # In a wheel the models lie inside the package, in a checkout beside it.
    inside, beside = package / "models", package.parent / "models"
    models = inside if inside.is_dir() else beside
    return {index.parent.name: index.parent for index in sorted(models.glob(f"*/{_INDEX}"))}


def _load_folder(folder: Path, trusted: Sequence[str]) -> SurgePredictor:
    content = _read_checked(folder, _STATE, _read_index(folder)["sha256"])
    return _restore(content, folder, trusted)


def _contents(predictor: SurgePredictor) -> dict[str, bytes]:
    check_is_fitted(predictor, "heads_")
    state = _canonical(skops.io.dumps(predictor))
    index = {
        "format": _FORMAT,
        "trained_on": {k: v for k, v in predictor.trained_on_.items() if k != "query_digests"},
        "columns": predictor.columns_,
        "sha256": _digest(state),
    }
    return {_INDEX: json.dumps(index, indent=1).encode() + b"\n", _STATE: state}


def _canonical(state: bytes) -> bytes:
    """Write skops' archive again so that the same predictor gives the same bytes.

    skops names objects, and the files of arrays, by their place in memory, and dates the files.
    Here they are numbered in order of appearance.
    """
    with zipfile.ZipFile(io.BytesIO(state)) as archive:
        schema = archive.read("schema.json").decode()
        arrays = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
    number: dict[str, str] = {}

    def renamed(match: re.Match[str]) -> str:
        return match[1] + number.setdefault(match[2], str(len(number))) + match[3]

    schema = re.sub(r'("__id__": )(\d+)()', renamed, schema)
    schema = re.sub(r'("file": ")(\d+)(\.\w+")', renamed, schema)
    written = io.BytesIO()
    with zipfile.ZipFile(written, "w", zipfile.ZIP_DEFLATED) as archive:
        _add(archive, "schema.json", schema.encode())
        for name in sorted(arrays, key=lambda name: int(number[name.partition(".")[0]])):
            stem, _, ending = name.partition(".")
            _add(archive, f"{number[stem]}.{ending}", arrays[name])
    return written.getvalue()


def _add(archive: zipfile.ZipFile, name: str, content: bytes) -> None:
    entry = zipfile.ZipInfo(name, _ZIP_DATE)
    entry.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(entry, content)


def _read_index(folder: Path) -> dict[str, Any]:
    content = _read(folder, _INDEX, LARGEST_DOCUMENT)
    try:
        index = parse_json(content.decode(), path=folder / _INDEX)
        written_as = index["format"]
    except (ValueError, KeyError, TypeError):
        raise _damaged(folder / _INDEX, "is not a predictor's index") from None
    if written_as != _FORMAT:
        newer = _version(written_as) > _version(_FORMAT)
        raise InvalidInputError(
            f"has the format {written_as!r}, this version reads {_FORMAT!r}",
            column="predictor",
            value=folder / _INDEX,
            remedy="install a newer clear_opt, or train the predictor again"
            if newer
            else "train the predictor again with this version of clear_opt",
        )
    if not isinstance(index.get("sha256"), str):
        raise _damaged(folder / _INDEX, "does not name the predictor's SHA-256")
    return index


def _version(written_as: object) -> int:
    """Return the number of a format, 0 where it has none."""
    number = str(written_as).removeprefix(_FORMAT.rstrip("0123456789"))
    return int(number) if number.isdecimal() else 0


def _read_checked(folder: Path, name: str, digest: str) -> bytes:
    content = _read(folder, name, LARGEST_STATE)
    if _digest(content) != digest:
        raise _damaged(folder / name, "is not the file that was saved: its SHA-256 differs")
    return content


def _read(folder: Path, name: str, largest: int) -> bytes:
    """Read a regular file that lies in the folder itself."""
    path = folder / name
    if not path.exists():
        raise _damaged(path, "is missing or cannot be read")
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _damaged(path, "is a link to a file elsewhere")
    return read_bytes(path, largest=largest)


def _restore(content: bytes, folder: Path, trusted: Sequence[str]) -> SurgePredictor:
    known = [*_OWN_TYPES, *_PLAIN_TYPES, *trusted]
    try:
        check_archive(content)
        predictor = skops.io.loads(content, trusted=known)
        if isinstance(predictor, SurgePredictor):
            check_sound(predictor)
    except UntrustedTypesFoundException:
        strange = sorted({*skops.io.get_untrusted_types(data=content)} - {*known})
        raise InvalidInputError(
            f"holds types that are not trusted: {', '.join(strange)}",
            column="predictor",
            value=folder,
            remedy="if you trust who made it, name them in load_predictor(..., trusted=[...])",
        ) from None
    except Exception as error:  # a file that someone else made can raise anything in four libraries
        raise _damaged(
            folder, f"holds a file that does not make a predictor ({_reason(error)})"
        ) from error
    if not isinstance(predictor, SurgePredictor):
        raise _damaged(folder, f"holds a {type(predictor).__name__}, not a predictor")
    return predictor


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= _LONGEST_REASON else f"{text[: _LONGEST_REASON - 1]}…"


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(path: Path, problem: str) -> InvalidInputError:
    return InvalidInputError(
        problem, column="predictor", value=path, remedy="save or install the predictor again"
    )
