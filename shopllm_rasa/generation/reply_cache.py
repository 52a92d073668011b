"""Replies that passed the guard, kept for the same question on the same evidence."""

import hashlib
import threading
from collections import OrderedDict

from shopllm_rasa.generation.backends import Draft, GenerationRequest
from shopllm_rasa.generation.privacy import redact


class ReplyCache:
    """The last replies, in memory, keyed by backend, question, evidence and tone; oldest out first.

    A question that holds personal data is neither kept nor looked up, nor is one whose wording needs the turns before.

    Args:
        size: how many replies are kept; 0 keeps none.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._drafts: OrderedDict[str, Draft] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, backend: str, request: GenerationRequest) -> Draft | None:
        """The reply to the same request, if it is still kept."""
        key = self._key(backend, request)
        with self._lock:
            if key is None or key not in self._drafts:
                return None
            self._drafts.move_to_end(key)
            return self._drafts[key]

    def put(self, backend: str, request: GenerationRequest, draft: Draft) -> None:
        """Keeps a reply."""
        key = self._key(backend, request)
        if key is None:
            return
        with self._lock:
            self._drafts[key] = draft
            self._drafts.move_to_end(key)
            while len(self._drafts) > self._size:
                self._drafts.popitem(last=False)

    def _key(self, backend: str, request: GenerationRequest) -> str | None:
        if not self._size or request.history or redact(request.question).originals:
            return None
        pieces = [backend, request.question.casefold(), request.sentiment, str(request.strict)]
        pieces += [f"{hit.passage.source}\n{hit.passage.text}" for hit in request.passages]
        pieces += [repr(product.to_dict()) for product in request.products]
        return hashlib.sha256("\0".join(pieces).encode("utf-8", "replace")).hexdigest()
