"""Sentence embeddings as features: a static embedding model, named and not copied."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from clear_opt.errors import InvalidInputError, MissingExtraError
from clear_opt.predictors.directions import FARTHER, significant
from clear_opt.predictors.texts import check_texts

if TYPE_CHECKING:
    from collections.abc import Sequence

    from model2vec import StaticModel

_PROBE = "Émile has 3.50 €: HOW many x² + y_1 = {z}?\n小明有三个苹果 тест"


class SentenceEmbedding(TransformerMixin, BaseEstimator):
    """Embed texts by a static model of model2vec, in few dimensions. Needs ``clear-opt[embed]``.

    A static model averages one vector per token, so it needs neither PyTorch nor a GPU. Of the
    model only its name and a SHA-256 are kept. It is loaded again by the first `transform` after
    a predictor was stored or copied, and refused if it has changed. The features of a text do not
    depend on the other texts in the call.

    Parameters
    ----------
    model : str
        A folder that holds a model, or its name on the Hugging Face hub. A name is looked up in
        the local cache first, and downloaded if it is not there. A relative folder counts from the
        working directory.
    dimensions : int or None
        Principal components of the training texts' embeddings that are kept; None keeps the
        embeddings as they are.

    Attributes
    ----------
    sha256_ : str
        Digest of the model's vectors, vocabulary and settings.
    mean_ : numpy.ndarray, shape (size,)
        Mean embedding of the training texts.
    components_ : numpy.ndarray, shape (at most dimensions, size), or None
        Orthonormal directions in which the training texts differ by more than rounding; None where
        all is kept.
    farthest_ : float
        Distance from these directions beyond which no text of training lies.

    Notes
    -----
    A text without any token that the model knows, such as an empty one, has the zero vector as its
    embedding. Of a long text the model reads the first tokens only, 512 unless it says otherwise.

    Examples
    --------
    >>> from sklearn.compose import ColumnTransformer
    >>> from clear_opt.predictors import SurgePredictor, TextFeatures
    >>> embedding = SentenceEmbedding("minishlab/potion-base-8M", dimensions=16)
    >>> features = ColumnTransformer(
    ...     [("counts", TextFeatures(), "text"), ("meaning", embedding, "text")],
    ...     sparse_threshold=0.0,
    ... )
    >>> predictor = SurgePredictor(features=features)
    """

    farthest_: float = np.inf  # without directions no text is out of distribution

    def __init__(self, model: str, dimensions: int | None = 32) -> None:
        self.model = model
        self.dimensions = dimensions

    def fit(self, texts: Sequence[str], y: Any = None) -> SentenceEmbedding:
        """Load the model, and learn the directions from the texts.

        Raises
        ------
        InvalidInputError
            Naming the text that is none, or what cannot be used of the model or the dimensions.
        MissingExtraError
            If model2vec is not installed.
        """
        texts = check_texts(texts)
        if self.dimensions is not None and self.dimensions < 1:
            raise InvalidInputError(
                "must be at least 1",
                column="dimensions",
                value=self.dimensions,
                remedy="give None to keep them all",
            )
        self._loaded = _load(self.model)
        self.sha256_ = _digest(self._loaded)
        vectors = _encode(self._loaded, texts)
        self.mean_ = vectors.mean(axis=0) if len(vectors) else np.zeros(vectors.shape[1])
        self.components_ = None
        if self.dimensions is not None:
            _, sizes, directions = np.linalg.svd(vectors - self.mean_, full_matrices=False)
            length = float(np.linalg.norm(vectors, axis=1).max(initial=0.0))
            known = significant(sizes, len(vectors), length)
            self.components_ = directions[known][: self.dimensions]
            farthest = self._distances(vectors).max(initial=0.0)
            self.farthest_ = float(farthest) + FARTHER * length
        return self

    def transform(self, texts: Sequence[str]) -> np.ndarray:
        """Return the features, float64, shape (n, components).

        Raises
        ------
        InvalidInputError
            Naming the text that is none, or saying that the model is gone or has changed.
        MissingExtraError
            If model2vec is not installed.
        """
        check_is_fitted(self, "sha256_")
        vectors = _encode(self._same_model(), check_texts(texts))
        if self.components_ is None:
            return vectors
        # One text at a time: a product of matrices may round a row differently beside others.
        reduced = [self.components_ @ (vector - self.mean_) for vector in vectors]
        return np.array(reduced).reshape(len(vectors), len(self.components_))

    def out_of_distribution(self, texts: Sequence[str]) -> np.ndarray:
        """Return which texts have an embedding unlike those of training, shape (n,).

        The part of it outside the directions is then longer, by a tenth of its length, than that of
        any text of training.
        """
        check_is_fitted(self, "sha256_")
        return self._distances(_encode(self._same_model(), check_texts(texts))) > self.farthest_

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the name of each column of `transform`; ``input_features`` is ignored."""
        check_is_fitted(self, "sha256_")
        size = len(self.mean_) if self.components_ is None else len(self.components_)
        return np.array([f"embedding_{k}" for k in range(size)], dtype=object)

    def _distances(self, vectors: np.ndarray) -> np.ndarray:
        """Return the length of what the directions miss of each embedding, shape (n,)."""
        if self.components_ is None:
            return np.zeros(len(vectors))
        away = vectors - self.mean_
        captured = (away @ self.components_.T) @ self.components_
        return np.linalg.norm(away - captured, axis=1)

    def _same_model(self) -> StaticModel:
        loaded = getattr(self, "_loaded", None)
        if loaded is None:
            loaded = _load(self.model)
            if _digest(loaded) != self.sha256_:
                raise InvalidInputError(
                    "is not the model of training: its SHA-256 differs",
                    column="model",
                    value=self.model,
                    remedy="put the model of training there, or train the predictor again",
                )
            self._loaded = loaded
        return loaded

    def __getstate__(self) -> dict[str, Any]:
        """Leave the model out of what is stored or copied."""
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_loaded"}

    def __sklearn_tags__(self) -> Any:
        """Return tags for an input of texts."""
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        return tags


def _load(name: str) -> StaticModel:
    try:
        from model2vec import StaticModel
    except ImportError:
        raise MissingExtraError("model2vec", "embed") from None
    try:
        return StaticModel.from_pretrained(name, force_download=False)
    except Exception as error:  # the libraries that read and fetch models raise bare exceptions too
        raise InvalidInputError(
            f"cannot be loaded as a static embedding model ({type(error).__name__}: {error})",
            column="model",
            value=name,
            remedy="give a folder written by model2vec's save_pretrained, or a name on the hub",
        ) from error


def _digest(model: StaticModel) -> str:
    """Digest what an embedding depends on: arrays, vocabulary, settings, how a text is cut up."""
    digest = hashlib.sha256()
    for array in (model.embedding, model.weights, model.token_mapping):
        if array is not None:
            digest.update(f"{array.dtype.str} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        digest.update(b"|")
    # How texts are cut up is seen from a few of them: a tokenizer's own text differs by version.
    sample = " ".join(model.tokens[:: max(len(model.tokens) // 200, 1)])
    probes = model.tokenize([_PROBE, sample, sample.upper()])
    settings = (bool(model.normalize), model.max_length, probes)
    digest.update(repr((model.tokens, settings)).encode("utf-8", "surrogatepass"))
    return digest.hexdigest()


def _encode(model: StaticModel, texts: list[str]) -> np.ndarray:
    """Return the embeddings as float64, shape (n, size)."""
    if not texts:
        return np.zeros((0, model.dim))
    # A lone surrogate is no character; tokenizers refuse it, so it is read as a question mark.
    whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
    return np.asarray(model.encode(whole, use_multiprocessing=False), dtype=np.float64)
