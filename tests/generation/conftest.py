"""A server on this machine that plays an OpenAI-compatible one."""

import json
import socket
import threading
from collections import deque
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
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

    def stream(self, body: bytes) -> Reply:
        """Server-sent events."""
        return self.send(body, headers={"Content-Type": "text/event-stream"})

    def send(self, body: bytes, status: int = 200, headers: dict[str, str] | None = None) -> Reply:
        def reply(handler: BaseHTTPRequestHandler) -> None:
            handler.send_response(status)
            for name, value in (headers or {}).items():
                handler.send_header(name, value)
            handler.send_header("Content-Length", str(len(body)))
            handler.end_headers()
            handler.wfile.write(body)

        return reply

    def status(self, code: int, headers: dict[str, str] | None = None) -> Reply:
        return self.send(b'{"error": "sorry"}', code, headers)

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


TEMPLATE = (
    "{% for m in messages %}<{{ m.role }}>{{ m.content }}</s>{% endfor %}{% if add_generation_prompt %}<bot>{% endif %}"
)


def tokenizer(template: str | None) -> Any:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    made = Tokenizer(models.BPE(unk_token="<unk>"))
    made.pre_tokenizer = pre_tokenizers.ByteLevel()
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=["<pad>", "</s>", "<unk>"], initial_alphabet=alphabet)
    made.train_from_iterator(["How long can I return shoes? Within 60 days of delivery."] * 3, trainer)
    fast = PreTrainedTokenizerFast(tokenizer_object=made, pad_token="<pad>", eos_token="</s>", unk_token="<unk>")
    fast.chat_template = template
    return fast


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Llama of two narrow layers, with a chat template."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    folder = tmp_path_factory.mktemp("causal")
    torch.manual_seed(1)
    words = tokenizer(TEMPLATE)
    config = LlamaConfig(
        vocab_size=len(words), hidden_size=32, intermediate_size=64, num_hidden_layers=2, num_attention_heads=2,
        num_key_value_heads=2, max_position_embeddings=4096, pad_token_id=0, eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def seq2seq(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A T5 of two narrow layers, without a chat template."""
    import torch
    from transformers import T5Config, T5ForConditionalGeneration

    folder = tmp_path_factory.mktemp("seq2seq")
    torch.manual_seed(1)
    words = tokenizer(None)
    config = T5Config(
        vocab_size=len(words), d_model=32, d_kv=16, d_ff=64, num_layers=2, num_heads=2, pad_token_id=0, eos_token_id=1,
        decoder_start_token_id=0,
    )  # fmt: skip
    T5ForConditionalGeneration(config).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
