"""Predictors on disk: text and plain arrays only, so that loading one runs no code of its own."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import tempfile
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np
from sklearn.utils.validation import check_is_fitted

from clear_opt.errors import InvalidInputError
from clear_opt.predictors.surge_predictor import QUANTILES, SurgePredictor
from clear_opt.predictors.text_features import TextFeatures

_FORMAT = "clear_opt surge predictor 1"
_INDEX = "predictor.json"
_TERMS = "terms.json"
_COMPONENTS = "components.npy"
_SUCCESS = "success.lgb.txt"
_LENGTHS = [f"length_q{round(100 * quantile)}.lgb.txt" for quantile in QUANTILES]
_FILES = [_TERMS, _COMPONENTS, _SUCCESS, *_LENGTHS]


def save_predictor(predictor: SurgePredictor, folder: str | Path) -> None:
    """Write a fitted predictor to a folder, all of it or nothing.

    ``predictor.json`` names the settings, what the predictor was trained on, and the SHA-256 of
    each other file: ``terms.json`` (vocabulary), ``components.npy`` (SVD) and four LightGBM text
    files. Other files in an existing folder, such as a model card, are kept.

    Parameters
    ----------
    predictor
        A fitted predictor.
    folder
        Where to write; it and its parents are made where they are missing.

    Raises
    ------
    InvalidInputError
        If the folder is a file.
    """
    folder = Path(folder).absolute()
    if folder.is_file():
        raise InvalidInputError("is a file", column="folder", value=folder, remedy="give a folder")
    contents = _contents(predictor)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}-") as scratch:
        fresh = Path(scratch) / "new"
        if folder.exists():
            shutil.copytree(folder, fresh)
        else:
            fresh.mkdir()
        for name, content in contents.items():
            (fresh / name).write_bytes(content)
        if folder.exists():
            folder.rename(Path(scratch) / "old")
        fresh.rename(folder)


def load_predictor(name: str | Path) -> SurgePredictor:
    """Load a predictor that ships with the package, or one from a folder.

    Parameters
    ----------
    name
        Name of a shipped predictor, as listed by `shipped_predictors`, or a folder written by
        `save_predictor`. A shipped name wins; write ``./NAME`` for a folder called like it.

    Raises
    ------
    InvalidInputError
        If there is no such predictor, if a file is missing or was changed since it was written,
        or if a later version of the package wrote it.

    Notes
    -----
    No file is ever unpickled. The digests tell damage, not malice: who can write to the folder
    can write a matching digest.

    Examples
    --------
    >>> load_predictor("no-such-model")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    clear_opt.errors.InvalidInputError: predictor = no-such-model: is no folder ...
    """
    shipped = shipped_predictors()
    folder = shipped.get(str(name), Path(name))
    if not folder.is_dir():
        raise InvalidInputError(
            "is no folder and no shipped predictor",
            column="predictor",
            value=name,
            remedy=f"give a folder, or one of: {', '.join(shipped) or 'none is shipped'}",
        )
    index = _read_index(folder)
    contents = {name: _read_checked(folder, name, index["sha256"][name]) for name in _FILES}
    try:
        return _restore(index, contents)
    except (ValueError, KeyError, TypeError, lgb.basic.LightGBMError) as error:
        raise _damaged(folder, f"holds files that do not make a predictor ({error})") from None


def shipped_predictors() -> dict[str, Path]:
    """Give the folders of the predictors that come with the package, by name."""
    package = Path(__file__).resolve().parents[1]
    # In a wheel the models lie inside the package, in a checkout beside it.
    inside, beside = package / "models", package.parent / "models"
    models = inside if inside.is_dir() else beside
    return {index.parent.name: index.parent for index in sorted(models.glob(f"*/{_INDEX}"))}


def _contents(predictor: SurgePredictor) -> dict[str, bytes]:
    check_is_fitted(predictor, "lengths_")
    features = predictor.features_
    components = io.BytesIO()
    np.save(components, features.components_, allow_pickle=False)
    terms = {"terms": features.vocabulary_, "idf": features.idf_.tolist()}
    contents = {
        _TERMS: json.dumps(terms, ensure_ascii=True, indent=0).encode(),
        _COMPONENTS: components.getvalue(),
        _SUCCESS: predictor.success_.model_to_string().encode(),
    }
    for name, booster in zip(_LENGTHS, predictor.lengths_, strict=True):
        contents[name] = booster.model_to_string().encode()
    index = {
        "format": _FORMAT,
        "settings": predictor.get_params(deep=False),
        "trained_on": predictor.trained_on_,
        "sha256": {name: _digest(content) for name, content in contents.items()},
    }
    return {_INDEX: json.dumps(index, indent=1).encode() + b"\n", **contents}


def _read_index(folder: Path) -> dict[str, Any]:
    content = _read(folder, _INDEX)
    try:
        index = json.loads(content)
        written_as = index["format"]
    except (ValueError, KeyError, TypeError):
        raise _damaged(folder / _INDEX, "is not a predictor's index") from None
    if written_as != _FORMAT:
        raise InvalidInputError(
            f"has the format {written_as!r}, this version reads {_FORMAT!r}",
            column="predictor",
            value=folder / _INDEX,
            remedy="upgrade clear_opt or train the predictor again",
        )
    expected = {"settings": SurgePredictor().get_params(), "sha256": dict.fromkeys(_FILES)}
    for part, entries in expected.items():
        found = index.get(part)
        if not isinstance(found, dict) or found.keys() != entries.keys():
            raise _damaged(folder / _INDEX, f"does not have the entries expected under {part!r}")
    return index


def _read_checked(folder: Path, name: str, digest: str) -> bytes:
    content = _read(folder, name)
    if _digest(content) != digest:
        # LightGBM's parser is not made for damaged input, so nothing altered reaches it.
        raise _damaged(folder / name, "is not the file that was saved: its SHA-256 differs")
    return content


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except OSError:
        raise _damaged(folder / name, "is missing or cannot be read") from None


def _restore(index: dict[str, Any], contents: dict[str, bytes]) -> SurgePredictor:
    predictor = SurgePredictor(**index["settings"])
    features = TextFeatures(predictor.n_components, predictor.max_terms, seed=predictor.seed)
    terms = json.loads(contents[_TERMS])
    features.vocabulary_ = terms["terms"]
    features.idf_ = np.array(terms["idf"], dtype=np.float64)
    features.components_ = np.load(io.BytesIO(contents[_COMPONENTS]), allow_pickle=False)
    predictor.features_ = features
    predictor.success_ = _booster(contents[_SUCCESS])
    predictor.lengths_ = [_booster(contents[name]) for name in _LENGTHS]
    predictor.trained_on_ = index.get("trained_on", {})
    if features.components_.shape[1:] != features.idf_.shape or any(
        booster.num_feature() != len(features.get_feature_names_out())
        for booster in (predictor.success_, *predictor.lengths_)
    ):
        raise ValueError("they have different numbers of features")
    return predictor


def _booster(text: bytes) -> lgb.Booster:
    return lgb.Booster(model_str=text.decode())


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def _damaged(path: Path, problem: str) -> InvalidInputError:
    return InvalidInputError(
        problem, column="predictor", value=path, remedy="save or install the predictor again"
    )
