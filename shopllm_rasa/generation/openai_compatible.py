"""Replies by a language model behind an OpenAI-compatible endpoint."""

import json
import logging
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import requests
import urllib3
from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import ChatMessage, Completion, Draft, GenerationRequest
from shopllm_rasa.generation.breaker import CircuitBreaker
from shopllm_rasa.generation.privacy import Redactor
from shopllm_rasa.generation.prompted import NO_ANSWER, draft_of, render
from shopllm_rasa.generation.prompts import Prompts
from shopllm_rasa.settings import OpenAISettings

logger = logging.getLogger(__name__)

MAX_RESPONSE_BYTES = 1_000_000
MAX_PAUSE_SECONDS = 3.0
_RETRIED_STATUS = (429, 500, 502, 503, 504)
_CONNECTION_LOST = (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError)

__all__ = ["NO_ANSWER", "OpenAICompatibleBackend"]


class _TryAgainError(GenerationError):
    """A failure that may pass: overload, a server error, a lost connection."""

    retry_after: float | None = None


class OpenAICompatibleBackend:
    """Sends the question and the passages, without personal data, to a chat-completions endpoint.

    Args:
        settings: address, model, limits.
        shop_name: named in the prompt.
        prompts: a folder whose prompt files replace the shipped ones.
        redactor: what personal data is; the shop's own address and phone number are none.
    """

    name = "openai"

    def __init__(
        self,
        settings: OpenAISettings,
        shop_name: str,
        prompts: Path | None = None,
        redactor: Redactor | None = None,
    ) -> None:
        self._settings = settings
        self._shop_name = shop_name
        self._prompts = Prompts(prompts)
        self._redactor = redactor or Redactor()
        self._session = requests.Session()
        self._breaker = CircuitBreaker(settings.breaker_failures, settings.breaker_seconds)
        # A prompt that cannot be rendered is told now, not to a customer.
        for strict in (False, True):
            render(self._prompts, GenerationRequest("", (), strict=strict), shop_name)

    def answer(self, request: GenerationRequest) -> Draft:
        """See `GenerationBackend.answer`."""
        redaction = self._redactor.begin()
        messages = render(self._prompts, redaction.request(request), self._shop_name)
        completion = self._ask(messages, self._settings.max_tokens)
        return draft_of(completion, request, redaction)

    def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """See `CompletingBackend.complete`."""
        redaction = self._redactor.begin()
        sent = [ChatMessage(message.role, redaction.hide(message.content)) for message in messages]
        completion = self._ask(sent, max_tokens)
        return Completion(redaction.restore(completion.text), completion.prompt_tokens, completion.completion_tokens)

    def _ask(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """Asks the server, again after passing failures, with growing pauses, all within the time limit."""
        if not self._breaker.allows():
            raise GenerationError(
                "The server of the language model failed several times; it is left alone for a while."
            )
        deadline = time.monotonic() + self._settings.total_seconds
        backoff = wait_exponential_jitter(initial=0.3, max=MAX_PAUSE_SECONDS)

        def pause(state: RetryCallState) -> float:
            error = state.outcome.exception() if state.outcome else None
            asked = getattr(error, "retry_after", None)
            return float(asked) if asked is not None else backoff(state)

        def give_up(state: RetryCallState) -> bool:
            # A server that asks for more time than is left is not asked again.
            return time.monotonic() + pause(state) >= deadline

        attempts = stop_after_attempt(1 + self._settings.retries)
        retrying = Retrying(
            retry=retry_if_exception_type(_TryAgainError),
            stop=lambda state: attempts(state) or give_up(state),
            wait=pause,
            reraise=True,
        )
        try:
            completion = retrying(self._post, messages, max_tokens, deadline)
        except GenerationError:
            self._breaker.failed()
            raise
        self._breaker.succeeded()
        return completion

    def _post(self, messages: Sequence[ChatMessage], max_tokens: int, deadline: float) -> Completion:
        headers = {}
        if self._settings.api_key:
            headers["Authorization"] = f"Bearer {self._settings.api_key}"
        body: dict[str, Any] = {
            "model": self._settings.model,
            "messages": [asdict(message) for message in messages],
            "temperature": 0,
            "max_tokens": max_tokens,
        }
        if self._settings.stream:
            body |= {"stream": True, "stream_options": {"include_usage": True}}
        url = f"{self._settings.base_url.rstrip('/')}/chat/completions"
        now = time.monotonic()
        end = min(deadline, now + self._settings.timeout_seconds)
        if end <= now:
            raise GenerationError("The server of the language model took too long.")
        try:
            with self._session.post(
                url, json=body, headers=headers, timeout=end - now, allow_redirects=False, stream=True
            ) as response:
                if response.status_code in _RETRIED_STATUS:
                    error = _TryAgainError(f"The server of the language model answered {response.status_code}.")
                    error.retry_after = _retry_after(response)
                    raise error
                if response.status_code != 200:
                    raise GenerationError(
                        f"The server of the language model refused the request: {response.status_code}."
                    )
                pieces = _pieces(response, end)
                if response.headers.get("Content-Type", "").startswith("text/event-stream"):
                    return _streamed(pieces)
                return _whole(b"".join(pieces))
        except _CONNECTION_LOST as error:
            raise _TryAgainError(
                f"The server of the language model was not reached ({type(error).__name__})."
            ) from None
        except (requests.RequestException, UnicodeError) as error:  # only its kind: its text may hold the key
            raise GenerationError(f"The request cannot be sent: {type(error).__name__}.") from None


def _retry_after(response: requests.Response) -> float | None:
    """The seconds a server asks to wait; a date is not read."""
    try:
        return max(0.0, float(response.headers.get("Retry-After", "")))
    except ValueError:
        return None


def _pieces(response: requests.Response, deadline: float) -> Iterator[bytes]:
    """Reads the body piece by piece, so that neither its size nor its slowness is up to the server."""
    size = 0
    # One read a time, so that a slow stream is judged as it comes and not when a buffer is full.
    while piece := _read(response):
        size += len(piece)
        if size > MAX_RESPONSE_BYTES:
            raise GenerationError("The server of the language model sent more than 1 MB.")
        if time.monotonic() > deadline:
            raise _TryAgainError("The server of the language model took too long to send its reply.")
        yield piece


def _read(response: requests.Response) -> bytes:
    try:
        return bytes(response.raw.read1(8192, decode_content=True))
    except (urllib3.exceptions.HTTPError, OSError) as error:
        raise _TryAgainError(f"The server of the language model was not reached ({type(error).__name__}).") from None


def _streamed(pieces: Iterator[bytes]) -> Completion:
    """Joins a stream of server-sent events; what follows `[DONE]` is not read."""
    texts: list[str] = []
    usage: Any = None
    finished = False
    for line in _lines(pieces):
        if not line.startswith(b"data:"):
            continue
        data = line[5:].strip()
        if data == b"[DONE]":
            finished = True
            break
        event = _parsed(data)
        usage = event.get("usage") or usage
        for choice in event.get("choices") or []:
            content = (choice.get("delta") or {}).get("content") if isinstance(choice, dict) else None
            if isinstance(content, str):
                texts.append(content)
            if isinstance(choice, dict) and choice.get("finish_reason"):
                finished = True
    if not finished:  # half a reply may say the opposite of the whole one
        raise _TryAgainError("The server of the language model ended its reply in the middle.")
    return _completed("".join(texts), usage)


def _lines(pieces: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    for piece in pieces:
        *lines, rest = (rest + piece).split(b"\n")
        yield from lines
    if rest:
        yield rest


def _whole(content: bytes) -> Completion:
    """The reply's text; the body itself is never put into an error, for it may hold what the customer wrote."""
    body = _parsed(content)
    try:
        text = body["choices"][0]["message"]["content"]
    except (LookupError, TypeError):
        raise GenerationError("The server of the language model sent no chat completion.") from None
    return _completed(text, body.get("usage"))


def _parsed(content: bytes) -> dict[str, Any]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        body = None
    if not isinstance(body, dict):
        raise GenerationError("The server of the language model sent no chat completion.")
    return body


def _completed(text: Any, usage: Any) -> Completion:
    if not isinstance(text, str) or not text.strip():
        raise GenerationError("The server of the language model sent an empty reply.")
    counts = usage if isinstance(usage, dict) else {}
    read, written = (counts.get(name) for name in ("prompt_tokens", "completion_tokens"))
    return Completion(text.strip(), read if isinstance(read, int) else 0, written if isinstance(written, int) else 0)
