from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from shopllm_rasa.errors import SearchError
from shopllm_rasa.retrieval import embedding
from shopllm_rasa.retrieval.embedding import KnownVectors, Unfinished, embed_into
from shopllm_rasa.retrieval.exact_vectors import ExactVectors, text_keys


class CountingEncoder:
    """Gives a text's length and first letter as its vector; may be interrupted."""

    def __init__(self, fails_after: int = 10**9) -> None:
        self.info = SimpleNamespace(dimensions=2, fingerprint="f" * 64)
        self.texts: list[str] = []
        self._fails_after = fails_after

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        if len(self.texts) >= self._fails_after:
            raise KeyboardInterrupt
        self.texts += texts
        return np.array([[len(text), ord(text[0]) if text else 0] for text in texts], dtype=np.float32)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(embedding, "WINDOW", 64)
    monkeypatch.setattr(embedding, "CHUNK", 8)


def run(folder: Path, texts: list[str], encoder: Any, known: KnownVectors | None = None) -> tuple[int, ExactVectors]:
    folder.mkdir(exist_ok=True)
    target = ExactVectors.create(folder, len(texts), 2)
    unfinished = Unfinished(folder / "unfinished")
    return embed_into(target, 0, texts, encoder, known or KnownVectors(), unfinished), target


def expected(texts: list[str]) -> np.ndarray:
    return CountingEncoder().encode(texts).astype(np.float16)


TEXTS = [letter * length for letter in "abcdefgh" for length in range(1, 26)]


def test_each_row_gets_its_vector_and_equal_texts_are_embedded_once(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    texts = [*TEXTS, *TEXTS[:50], "", ""]
    embedded, target = run(tmp_path, texts, encoder)
    assert np.array_equal(target.vectors, expected(texts))
    assert np.array_equal(target.keys, text_keys(texts))
    assert embedded == len(encoder.texts) == len(TEXTS) + 1


def test_known_texts_are_not_embedded(tmp_path: Path) -> None:
    known = KnownVectors()
    known.add(text_keys(TEXTS[50:]), expected(TEXTS[50:]))
    encoder = CountingEncoder()
    embedded, target = run(tmp_path, TEXTS, encoder, known)
    assert embedded == 50
    assert sorted(encoder.texts) == sorted(TEXTS[:50])
    assert np.array_equal(target.vectors, expected(TEXTS))


def test_an_interrupted_run_goes_on_where_it_was(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, TEXTS, CountingEncoder(fails_after=100))
    (tmp_path / "unfinished" / ("f" * 16) / "cut.safetensors").write_bytes(b"\x00" * 5)
    encoder = CountingEncoder()
    embedded, target = run(tmp_path, TEXTS, encoder)
    assert embedded == len(encoder.texts) <= len(TEXTS) - 90
    assert np.array_equal(target.vectors, expected(TEXTS))


def test_what_another_encoder_left_is_not_used(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path, TEXTS, CountingEncoder(fails_after=100))
    other = CountingEncoder()
    other.info.fingerprint = "e" * 64
    assert run(tmp_path, TEXTS, other)[0] == len(TEXTS)


def test_an_encoder_that_gives_no_numbers(tmp_path: Path) -> None:
    encoder = CountingEncoder()
    encoder.encode = lambda texts: np.full((len(texts), 2), np.nan)  # type: ignore[method-assign]
    with pytest.raises(SearchError, match="A vector has values that are not finite numbers"):
        run(tmp_path, TEXTS, encoder)
