"""A server on this machine that plays an OpenAI-compatible one."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from shopllm_rasa.retrieval import KnowledgeIndex, PassageHit

Reply = Callable[[BaseHTTPRequestHandler], None]


class ChatServer:
    """Answers requests with the prepared replies in order, the last one again and again."""

    def __init__(self) -> None:
        self.bodies: list[str] = []
        self.headers: list[dict[str, str]] = []
        self.paths: list[str] = []
        self.replies: deque[Reply] = deque()
        self.closing = threading.Event()
        chat = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                chat.paths.append(self.path)
                chat.headers.append(dict(self.headers))
                chat.bodies.append(self.rfile.read(int(self.headers["Content-Length"])).decode())
                reply = chat.replies.popleft() if len(chat.replies) > 1 else chat.replies[0]
                try:
                    reply(self)
                except OSError:  # the client went away
                    self.close_connection = True

            def log_message(self, *args: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}/v1"

    @property
    def requests(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    def will(self, *replies: Reply) -> None:
        self.replies = deque(replies)

    def say(self, text: Any) -> Reply:
        """A chat completion."""
        return self.send(json.dumps({"choices": [{"message": {"role": "assistant", "content": text}}]}).encode())

    def send(self, body: bytes, status: int = 200) -> Reply:
        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return reply

    def status(self, code: int) -> Reply:
        return self.send(b'{"error": "sorry"}', code)

    def redirect(self, address: str) -> Reply:
        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(307)
            handler.send_header("Location", address)
            handler.send_header("Content-Length", "0")
            handler.end_headers()

        return reply

    def hang(self, handler: BaseHTTPRequestHandler) -> None:
        """Never answers."""
        self.closing.wait(20)
        handler.close_connection = True

    def drop(self, handler: BaseHTTPRequestHandler) -> None:
        """Closes the connection without a word."""
        handler.connection.shutdown(socket.SHUT_RDWR)
        handler.close_connection = True

    def drop_midway(self, handler: BaseHTTPRequestHandler) -> None:
        """Closes the connection in the middle of the body."""
        handler.send_response(200)
        handler.send_header("Content-Length", "1000")
        handler.end_headers()
        handler.wfile.write(b'{"choices": [')
        handler.wfile.flush()
        self.drop(handler)

    def drip(self, handler: BaseHTTPRequestHandler) -> None:
        """Sends a piece now and then, and would go on for ever."""
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        for _ in range(200):
            handler.wfile.write(b"1\r\n \r\n")
            handler.wfile.flush()
            if self.closing.wait(0.1):
                break

    def flood(self, handler: BaseHTTPRequestHandler) -> None:
        """Sends without end."""
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        piece = b"10000\r\n" + b" " * 0x10000 + b"\r\n"
        for _ in range(10_000):
            handler.wfile.write(piece)

    def close(self) -> None:
        self.closing.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def chat() -> Iterator[ChatServer]:
    server = ChatServer()
    yield server
    server.close()


@pytest.fixture(scope="session")
def electronics(knowledge_index: KnowledgeIndex) -> list[PassageHit]:
    """What is found for the question about returning electronics."""
    hits = knowledge_index.search("What is the return policy for electronic products?", 4)
    assert hits[0].passage.source == "Returns > Returning electronics"
    return hits
