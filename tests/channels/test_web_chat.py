"""The channel in a real Sanic server, reached over HTTP."""

import asyncio
import json
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
import requests
from rasa.core.channels.channel import UserMessage, register
from rasa.shared.exceptions import InvalidConfigException
from sanic import Sanic

from shopllm_rasa.channels import WebChatInput

Handler = Callable[[UserMessage], Awaitable[None]]
SECRET = "my card 4111 1111 1111 1111 and anna@example.com"
CARD = {
    "title": "Dome Kettle",
    "subtitle": "boils",
    "price": "59.95 EUR",
    "buttons": [{"title": "More", "payload": "/x"}],
}


class Server:
    """A Sanic server in a thread; `answer` is what the bot does with a message."""

    def __init__(self, channel: WebChatInput) -> None:
        self.received: list[UserMessage] = []
        self.answer: Handler = self._echo
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}/webhooks/web"
        app = Sanic(f"chat{id(self)}", configure_logging=False)
        register([channel], app, route="/webhooks/")
        app.ctx.agent = self
        self._app = app
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        assert self._ready.wait(20)

    async def handle_message(self, message: UserMessage) -> None:
        """As Rasa's agent."""
        self.received.append(message)
        await self.answer(message)

    async def _echo(self, message: UserMessage) -> None:
        await message.output_channel.send_response(message.sender_id, {"text": message.text})

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)

        async def start() -> Any:
            server = await self._app.create_server(sock=self._socket, return_asyncio_server=True)
            await server.startup()
            return server

        server = self._loop.run_until_complete(start())
        self._loop.call_soon(self._ready.set)
        self._loop.run_forever()
        server.close()
        self._loop.run_until_complete(server.wait_closed())
        self._loop.close()

    def post(self, body: Any) -> requests.Response:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        return requests.post(f"{self.url}/webhook", data=data, timeout=20)

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()


@pytest.fixture(scope="module")
def running() -> Iterator[Server]:
    server = Server(WebChatInput(50))
    yield server
    server.close()


@pytest.fixture
def server(running: Server) -> Server:
    running.received.clear()
    running.answer = running._echo
    return running


def sends(*responses: dict[str, Any]) -> Handler:
    """A bot that answers with these."""

    async def answer(message: UserMessage) -> None:
        for response in responses:
            await message.output_channel.send_response(message.sender_id, response)

    return answer


class TestMessages:
    def test_health(self, server: Server) -> None:
        answer = requests.get(f"{server.url}/", timeout=20)
        assert (answer.status_code, answer.json()) == (200, {"status": "ok"})

    def test_reach_the_bot_and_its_answer_comes_back(self, server: Server) -> None:
        answer = server.post({"sender": "me", "message": "hello"})
        assert answer.status_code == 200
        assert answer.json() == [{"recipient_id": "me", "text": "hello"}]
        (message,) = server.received
        assert (message.text, message.sender_id, message.input_channel) == ("hello", "me", "web")
        assert message.output_channel.name() == "web"

    @pytest.mark.parametrize("text", ["Grüße 🙂 – ‘quoted’", "x" * 50, "a\nb", '{"json": true}', "/greet"])
    def test_the_text_stays_what_it_is(self, server: Server, text: str) -> None:
        assert server.post({"sender": "me", "message": text}).json() == [{"recipient_id": "me", "text": text}]

    def test_html_stays_text(self, server: Server) -> None:
        html = "<img src=x onerror=alert(1)> & <b>"
        answer = server.post({"sender": "me", "message": html})
        assert answer.headers["Content-Type"] == "application/json"
        assert answer.json()[0]["text"] == html
        assert server.received[0].text == html

    @pytest.mark.parametrize("sender", ["a", "A-z_0.9:x", "s" * 128])
    def test_senders(self, server: Server, sender: str) -> None:
        assert server.post({"sender": sender, "message": "hi"}).json()[0]["recipient_id"] == sender

    def test_a_bot_that_says_nothing(self, server: Server) -> None:
        server.answer = sends()
        answer = server.post({"sender": "me", "message": "hi"})
        assert (answer.status_code, answer.json()) == (200, [])

    def test_two_customers_get_their_own_answers(self, server: Server) -> None:
        async def slow(message: UserMessage) -> None:
            await asyncio.sleep(0.2)
            await message.output_channel.send_text_message(message.sender_id, f"for {message.sender_id}")

        server.answer = slow
        answers: dict[str, Any] = {}

        def ask(name: str) -> None:
            answers[name] = server.post({"sender": name, "message": "hi"}).json()

        threads = [threading.Thread(target=ask, args=(name,)) for name in ("ann", "bob")]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert answers == {name: [{"recipient_id": name, "text": f"for {name}"}] for name in ("ann", "bob")}


class TestCards:
    def test_arrive_as_elements(self, server: Server) -> None:
        server.answer = sends({"text": "Here is what I found:", "elements": [CARD, CARD]})
        assert server.post({"sender": "me", "message": "kettle"}).json() == [
            {"recipient_id": "me", "text": "Here is what I found:"},
            {"recipient_id": "me", "elements": [CARD, CARD]},
        ]

    def test_sources_arrive_as_json(self, server: Server) -> None:
        sources = {"sources": [{"title": "Returns", "section": "Electronics", "url": None}]}
        server.answer = sends({"text": "30 days.", "custom": sources})
        messages = server.post({"sender": "me", "message": "returns?"}).json()
        assert {"recipient_id": "me", "custom": sources} in messages
        assert {"recipient_id": "me", "text": "30 days."} in messages

    def test_buttons(self, server: Server) -> None:
        buttons = [{"title": "Talk to a person", "payload": "/talk_to_human"}]
        server.answer = sends({"text": "Sorry.", "buttons": buttons})
        messages = server.post({"sender": "me", "message": "help"}).json()
        assert messages == [{"recipient_id": "me", "text": "Sorry.", "buttons": buttons}]


class TestBadRequests:
    @pytest.mark.parametrize(
        "body",
        [b"", b"{", b"not json", b"\xff\xfe{}", b"[]", b"null", b"7", b'"text"', b"[" * 100_000],
        ids=["empty", "cut", "text", "bytes", "list", "null", "number", "string", "nested"],
    )
    def test_no_json_object(self, server: Server, body: bytes) -> None:
        answer = server.post(body)
        assert answer.status_code == 400
        expected = 'Expected a JSON object such as {"sender": "me", "message": "hello"}.'
        assert answer.json() == {"error": expected}
        assert server.received == []

    @pytest.mark.parametrize(
        "sender",
        [None, "", " ", 7, ["me"], "a b", "me\n", "s" * 129, "<script>", "../x", "ä"],
    )
    def test_sender(self, server: Server, sender: Any) -> None:
        answer = server.post({"sender": sender, "message": "hi"})
        assert answer.status_code == 400
        assert answer.json() == {"error": "'sender' has to be 1 to 128 letters, digits or _ . : -"}
        assert server.received == []

    def test_no_sender(self, server: Server) -> None:
        answer = server.post({"message": "hi"})
        assert answer.status_code == 400
        assert "'sender'" in answer.json()["error"]

    @pytest.mark.parametrize("message", [None, "", " \n\t", 7, ["hi"], {"text": "hi"}])
    def test_message(self, server: Server, message: Any) -> None:
        answer = server.post({"sender": "me", "message": message})
        assert answer.status_code == 400
        assert answer.json() == {"error": "'message' has to be a text."}
        assert server.received == []

    def test_a_long_message(self, server: Server) -> None:
        answer = server.post({"sender": "me", "message": "x" * 51})
        assert answer.status_code == 400
        assert answer.json() == {"error": "'message' has 51 characters; at most 50 are allowed."}
        assert server.received == []


class TestFailure:
    async def _fail(self, message: UserMessage) -> None:
        raise RuntimeError(f"cannot handle {message.text}")

    def test_one_sentence_and_nothing_of_the_customer_in_the_log(
        self, server: Server, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
    ) -> None:
        server.answer = self._fail
        with caplog.at_level(logging.DEBUG):
            answer = server.post({"sender": "me", "message": SECRET})
        assert answer.status_code == 500
        assert answer.json() == {"error": "The message could not be handled. Please try again."}
        out, err = capfd.readouterr()
        logged = out + err + caplog.text
        assert "web_chat.message.failed" in logged
        assert "RuntimeError" in logged
        assert "Traceback" not in logged
        for word in ("4111", "anna@example.com", "my card", "cannot handle"):
            assert word not in logged

    def test_what_was_said_before_the_failure_is_not_sent_as_if_all_was_well(self, server: Server) -> None:
        async def half(message: UserMessage) -> None:
            await message.output_channel.send_text_message("me", "One moment")
            raise ValueError("broken")

        server.answer = half
        assert server.post({"sender": "me", "message": "hi"}).status_code == 500

    def test_the_next_message_is_handled(self, server: Server) -> None:
        server.answer = self._fail
        assert server.post({"sender": "me", "message": "hi"}).status_code == 500
        server.answer = server._echo
        assert server.post({"sender": "me", "message": "hi"}).status_code == 200


class TestCredentials:
    @pytest.mark.parametrize("credentials", [None, {}])
    def test_defaults(self, credentials: dict[str, Any] | None) -> None:
        assert WebChatInput.from_credentials(credentials)._limit == 1_000

    def test_a_limit(self) -> None:
        assert WebChatInput.from_credentials({"max_message_characters": 20})._limit == 20

    def test_an_unknown_key(self) -> None:
        with pytest.raises(InvalidConfigException, match="unknown key 'max_chars'. Known keys: max_message_characters"):
            WebChatInput.from_credentials({"max_chars": 5})

    @pytest.mark.parametrize("value", [0, -1, 20_001, "many", None, 1.5, True])
    def test_a_wrong_limit(self, value: Any) -> None:
        with pytest.raises(InvalidConfigException, match="'max_message_characters' is .*; allowed are 1 to 20000"):
            WebChatInput.from_credentials({"max_message_characters": value})

    def test_the_name_in_the_address(self) -> None:
        assert WebChatInput.name() == "web"
