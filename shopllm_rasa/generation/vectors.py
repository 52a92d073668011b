"""Vectors of texts that come again and again: sentences of pages, single words."""

import threading
from collections import OrderedDict
from collections.abc import Sequence

import numpy as np

from shopllm_rasa.encoders import SentenceEncoder

MAX_VECTORS = 20_000


class VectorCache:
    """Embeds texts and keeps the vectors of the last 20,000 (some 30 MB). Safe to use from several threads."""

    def __init__(self, encoder: SentenceEncoder, size: int = MAX_VECTORS) -> None:
        self._encoder = encoder
        self._size = size
        self._vectors: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """Embeds texts: float32 of shape (len(texts), dimensions), each row of length 1."""
        with self._lock:
            known = {text: self._vectors[text] for text in texts if text in self._vectors}
            for text in known:
                self._vectors.move_to_end(text)
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, self._encoder.encode(new), strict=True))
            with self._lock:
                self._vectors.update((text, known[text]) for text in new)
                while len(self._vectors) > self._size:
                    self._vectors.popitem(last=False)
        return np.stack([known[text] for text in texts])
