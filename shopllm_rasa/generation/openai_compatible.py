"""Replies by a language model behind an OpenAI-compatible endpoint."""

import json
import logging
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import Draft
from shopllm_rasa.generation.privacy import redact
from shopllm_rasa.generation.prompts import Prompts
from shopllm_rasa.retrieval.knowledge_index import PassageHit
from shopllm_rasa.settings import OpenAISettings

logger = logging.getLogger(__name__)

NO_ANSWER = "NO_ANSWER"
MAX_RESPONSE_BYTES = 1_000_000
_RETRIED_STATUS = (429, 500, 502, 503, 504)
_CONNECTION_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)


class _TryAgainError(GenerationError):
    """A failure that may pass: overload, a server error, a lost connection."""


class OpenAICompatibleBackend:
    """Sends the question and the passages, without personal data, to a chat-completions endpoint."""

    name = "openai"

    def __init__(self, settings: OpenAISettings, shop_name: str, prompts: Path | None = None) -> None:
        self._settings = settings
        self._shop_name = shop_name
        self._prompts = Prompts(prompts)
        self._session = requests.Session()
        self._messages("", ())  # a prompt of the user's that cannot be rendered is told now, not to a customer

    def answer(self, question: str, passages: Sequence[PassageHit]) -> Draft:
        """See `GenerationBackend.answer`."""
        redacted = redact(question)
        text = self._complete(self._messages(redacted.text, passages))
        if NO_ANSWER in text:
            return Draft("", tuple(passages))
        return Draft(redacted.restore(text), tuple(passages))

    def _messages(self, question: str, passages: Sequence[PassageHit]) -> list[dict[str, str]]:
        system = self._prompts.render("answer.v1", shop_name=self._shop_name)
        data = self._prompts.render("passages.v1", passages=[hit.passage for hit in passages], question=question)
        return [{"role": "system", "content": system}, {"role": "user", "content": data}]

    def _complete(self, messages: list[dict[str, str]]) -> str:
        """Asks the server, again after passing failures, with growing pauses."""
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(1 + self._settings.retries),
            wait=wait_exponential_jitter(initial=0.3, max=3),
            reraise=True,
        )
        return retrying(self._post, messages)

    def _post(self, messages: list[dict[str, str]]) -> str:
        headers = {}
        if self._settings.api_key:
            headers["Authorization"] = f"Bearer {self._settings.api_key}"
        body = {
            "model": self._settings.model,
            "messages": messages,
            "temperature": 0,
            "max_tokens": self._settings.max_tokens,
        }
        url = f"{self._settings.base_url.rstrip('/')}/chat/completions"
        timeout = self._settings.timeout_seconds
        try:
            with self._session.post(
                url, json=body, headers=headers, timeout=timeout, allow_redirects=False, stream=True
            ) as response:
                if response.status_code in _RETRIED_STATUS:
                    raise _TryAgainError(f"The server of the language model answered {response.status_code}.")
                if response.status_code != 200:
                    raise GenerationError(
                        f"The server of the language model refused the request: {response.status_code}."
                    )
                return _content(_read(response, time.monotonic() + timeout))
        except _CONNECTION_LOST as error:
            raise _TryAgainError(
                f"The server of the language model was not reached ({type(error).__name__})."
            ) from None
        except (requests.RequestException, UnicodeError) as error:  # only its kind: its text may hold the key
            raise GenerationError(f"The request cannot be sent: {type(error).__name__}.") from None


def _read(response: requests.Response, deadline: float) -> bytes:
    """Reads the body piece by piece, so that neither its size nor its slowness is up to the server."""
    body = bytearray()
    for piece in response.iter_content(1024):
        body += piece
        if len(body) > MAX_RESPONSE_BYTES:
            raise GenerationError("The server of the language model sent more than 1 MB.")
        if time.monotonic() > deadline:
            raise _TryAgainError("The server of the language model took too long to send its reply.")
    return bytes(body)


def _content(content: bytes) -> str:
    """The reply's text; the body itself is never put into an error, for it may hold what the customer wrote."""
    try:
        body: Any = json.loads(content)
        text = body["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise GenerationError("The server of the language model sent no chat completion.") from None
    if not isinstance(text, str) or not text.strip():
        raise GenerationError("The server of the language model sent an empty reply.")
    return text.strip()
