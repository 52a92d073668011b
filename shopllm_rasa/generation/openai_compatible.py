"""Replies by a language model behind an OpenAI-compatible endpoint."""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import requests
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import ChatMessage, Completion, Draft, GenerationRequest
from shopllm_rasa.generation.privacy import redact
from shopllm_rasa.generation.prompts import Prompts
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
        self._messages(GenerationRequest("", ()))  # a prompt that cannot be rendered is told now, not to a customer

    def answer(self, request: GenerationRequest) -> Draft:
        """See `GenerationBackend.answer`."""
        redacted = redact(request.question)
        completion = self._ask(self._messages(replace(request, question=redacted.text)), self._settings.max_tokens)
        tokens = (completion.prompt_tokens, completion.completion_tokens)
        if NO_ANSWER in completion.text:
            return Draft("", request.passages, *tokens, kind="decline")
        return Draft(redacted.restore(completion.text), request.passages, *tokens)

    def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """See `CompletingBackend.complete`."""
        redacted = [redact(message.content) for message in messages]
        sent = [ChatMessage(message.role, each.text) for message, each in zip(messages, redacted, strict=True)]
        completion = self._ask(sent, max_tokens)
        text = completion.text
        for each in redacted:
            text = each.restore(text)
        return replace(completion, text=text)

    def _messages(self, request: GenerationRequest) -> list[ChatMessage]:
        passages = [hit.passage for hit in request.passages]
        return self._prompts.messages(
            "answer.v1", "passages.v1", shop_name=self._shop_name, passages=passages, question=request.question
        )

    def _ask(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """Asks the server, again after passing failures, with growing pauses."""
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=stop_after_attempt(1 + self._settings.retries),
            wait=wait_exponential_jitter(initial=0.3, max=3),
            reraise=True,
        )
        return retrying(self._post, messages, max_tokens)

    def _post(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        headers = {}
        if self._settings.api_key:
            headers["Authorization"] = f"Bearer {self._settings.api_key}"
        body = {
            "model": self._settings.model,
            "messages": [asdict(message) for message in messages],
            "temperature": 0,
            "max_tokens": max_tokens,
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
                return _completion(_read(response, time.monotonic() + timeout))
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


def _completion(content: bytes) -> Completion:
    """The reply's text; the body itself is never put into an error, for it may hold what the customer wrote."""
    try:
        body: Any = json.loads(content)
        text = body["choices"][0]["message"]["content"]
    except (ValueError, LookupError, TypeError, RecursionError):
        raise GenerationError("The server of the language model sent no chat completion.") from None
    if not isinstance(text, str) or not text.strip():
        raise GenerationError("The server of the language model sent an empty reply.")
    return Completion(text.strip(), *_usage(body.get("usage")))


def _usage(usage: Any) -> tuple[int, int]:
    """Tokens read and written, 0 where the server does not say."""
    counts = usage if isinstance(usage, dict) else {}
    read, written = (counts.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return (read if isinstance(read, int) else 0, written if isinstance(written, int) else 0)
