"""Serves the chat page and its settings on this machine, and nothing else."""

import json
import threading
from collections import Counter
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any
from urllib.parse import urlsplit

from shopllm_rasa.catalog import Product
from shopllm_rasa.demo.checks import HOST
from shopllm_rasa.errors import DemoError

WEB_FOLDER = Path(__file__).resolve().parent.parent / "web"
_INDEX = "index.html"
_CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json; charset=utf-8",
    ".svg": "image/svg+xml",
}
_IDLE_SECONDS = 15

Page = tuple[str, bytes]


def page_config(
    *,
    shop_name: str,
    currency: str,
    rasa_port: int,
    products: Sequence[Product],
    has_pages: bool,
    has_orders: bool,
) -> dict[str, Any]:
    """What chat.js reads as config.json; questions to try come from the shop's own catalogue."""
    currencies = Counter(product.currency for product in products)
    suggestions = [f"Show me {name.lower()}" for name in _main_categories(products, 2)]
    if has_pages:
        suggestions.append("What is your return policy?")
    if has_orders:
        suggestions.append("Where is my order?")
    return {
        "shop_name": shop_name,
        "rasa_url": f"http://{HOST}:{rasa_port}",
        "currency": currencies.most_common(1)[0][0] if currencies else currency,
        "suggestions": suggestions,
    }


def _main_categories(products: Sequence[Product], count: int) -> list[str]:
    """The most frequent narrow categories, each of another department, so that they show some breadth."""
    frequency = Counter((item.categories[0], item.categories[-1]) for item in products if item.categories)
    chosen: dict[str, str] = {}
    for (department, category), _ in frequency.most_common():
        chosen.setdefault(department, category)
    return list(chosen.values())[:count]


class WebServer:
    """The page on 127.0.0.1, served from memory: only names known at the start exist.

    Example:
        >>> with WebServer(8080, {"rasa_url": "http://127.0.0.1:5005"}) as server:
        ...     server.url
        'http://localhost:8080/'
    """

    def __init__(self, port: int, config: Mapping[str, Any], folder: Path = WEB_FOLDER) -> None:
        """Binds the port; 0 takes a free one.

        Raises:
            DemoError: if the port cannot be bound.
        """
        pages = _read_pages(folder)
        pages["/config.json"] = (_CONTENT_TYPES[".json"], json.dumps(config, ensure_ascii=False).encode())

        class Handler(_PageHandler):
            known = pages

        try:
            self._server = ThreadingHTTPServer((HOST, port), Handler)
        except OSError as error:
            raise DemoError(f"The web page cannot be served on port {port}: {error.strerror}.") from None
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, name="web-page", daemon=True)

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://localhost:{self.port}/"

    def __enter__(self) -> "WebServer":
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()


def _read_pages(folder: Path) -> dict[str, Page]:
    pages = {
        f"/{file.name}": (_CONTENT_TYPES[file.suffix], file.read_bytes())
        for file in sorted(folder.iterdir())
        if file.is_file() and file.suffix in _CONTENT_TYPES
    }
    pages["/"] = pages[f"/{_INDEX}"]
    return pages


class _PageHandler(BaseHTTPRequestHandler):
    known: Mapping[str, Page] = {}
    protocol_version = "HTTP/1.1"
    server_version = "shopllm-demo"
    sys_version = ""
    timeout = _IDLE_SECONDS  # a browser keeps connections open; none may hold a thread for ever

    def do_GET(self) -> None:
        self._answer(with_body=True)

    def do_HEAD(self) -> None:
        self._answer(with_body=False)

    def _answer(self, *, with_body: bool) -> None:
        page = self.known.get(urlsplit(self.path).path)
        status = HTTPStatus.OK if page else HTTPStatus.NOT_FOUND
        content_type, body = page or ("text/plain; charset=utf-8", b"There is no such page.\n")
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Control", "no-store")
        self.send_header("X-Content-Type-Options", "nosniff")
        self.end_headers()
        if with_body:
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing: the screen is for the demo's own lines."""
