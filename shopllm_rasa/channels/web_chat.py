"""Rasa channel for a chat on a web page that knows product cards."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

import structlog
from rasa.core.channels.channel import CollectingOutputChannel, InputChannel, UserMessage
from rasa.shared.exceptions import InvalidConfigException
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

logger = structlog.get_logger()

MAX_MESSAGE_CHARACTERS = 1_000
_SENDER = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class WebChatOutput(CollectingOutputChannel):
    """Collects the bot's messages; cards and JSON stay what they are instead of becoming text."""

    @classmethod
    def name(cls) -> str:
        """The name templates are chosen by."""
        return "web"

    async def send_elements(self, recipient_id: str, elements: Iterable[dict[str, Any]], **kwargs: Any) -> None:
        """Sends product cards."""
        await self._persist_message({"recipient_id": recipient_id, "elements": list(elements)})


class WebChatInput(InputChannel):
    """Takes `{"sender", "message"}` by POST and answers with the list of the bot's messages.

    Example (`credentials.yml`):
        shopllm_rasa.channels.WebChatInput:
          max_message_characters: 1000
    """

    @classmethod
    def name(cls) -> str:
        """The part of the address: /webhooks/web/webhook."""
        return "web"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> "WebChatInput":
        """Reads the channel's part of `credentials.yml`.

        Raises:
            InvalidConfigException: on an unknown key or a wrong value.
        """
        values = dict(credentials or {})
        limit = values.pop("max_message_characters", MAX_MESSAGE_CHARACTERS)
        if values:
            raise InvalidConfigException(
                f"WebChatInput: unknown key '{next(iter(values))}'. Known keys: max_message_characters."
            )
        if not isinstance(limit, int) or isinstance(limit, bool) or not 1 <= limit <= 20_000:
            raise InvalidConfigException(
                f"WebChatInput: 'max_message_characters' is {limit!r}; allowed are 1 to 20000."
            )
        return cls(limit)

    def __init__(self, max_message_characters: int = MAX_MESSAGE_CHARACTERS) -> None:
        self._limit = max_message_characters

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        """The channel's addresses."""
        webhook = Blueprint("shopllm_web_chat", __name__)

        @webhook.route("/", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @webhook.route("/webhook", methods=["POST"])
        async def receive(request: Request) -> HTTPResponse:
            problem, sender, text = self._read(request)
            if problem:
                return response.json({"error": problem}, status=400)
            collector = WebChatOutput()
            try:
                await on_new_message(UserMessage(text, collector, sender, input_channel=self.name()))
            except Exception as error:  # noqa: BLE001 - whatever fails below, the customer gets an answer
                # What the customer wrote stays out of the log.
                logger.error("web_chat.message.failed", error=type(error).__name__)
                return response.json({"error": "The message could not be handled. Please try again."}, status=500)
            return response.json(collector.messages)

        return webhook

    def _read(self, request: Request) -> tuple[str, str, str]:
        """Gives what is wrong with a request (or nothing), its sender and its text."""
        try:
            body = request.json
        except Exception:  # noqa: BLE001 - sanic raises kinds of its own for a broken body
            body = None
        if not isinstance(body, dict):
            return 'Expected a JSON object such as {"sender": "me", "message": "hello"}.', "", ""
        sender, text = body.get("sender"), body.get("message")
        if not isinstance(sender, str) or not _SENDER.fullmatch(sender):
            return "'sender' has to be 1 to 128 letters, digits or _ . : -", "", ""
        if not isinstance(text, str) or not text.strip():
            return "'message' has to be a text.", "", ""
        if len(text) > self._limit:
            return f"'message' has {len(text)} characters; at most {self._limit} are allowed.", "", ""
        return "", sender, text
