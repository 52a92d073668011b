import http.client
import socket
from decimal import Decimal

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.demo.checks import HOST
from shopllm_rasa.demo.web_server import WEB_FOLDER, WebServer, page_config
from shopllm_rasa.errors import DemoError

CONFIG = {
    "shop_name": "Lämps & Co",
    "rasa_url": "http://127.0.0.1:5005",
    "currency": "EUR",
    "suggestions": [],
}


@pytest.fixture(scope="module")
def server():
    with WebServer(0, CONFIG) as running:
        yield running


def fetch(server, path, method="GET"):
    """Sends the path as it is; other clients would tidy `/../` away."""
    connection = http.client.HTTPConnection(HOST, server.port, timeout=5)
    try:
        connection.request(method, path)
        response = connection.getresponse()
        return response, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("path", "file", "kind"),
    [
        ("/", "index.html", "text/html"),
        ("/?utm=1", "index.html", "text/html"),
        ("/index.html", "index.html", "text/html"),
        ("/chat.js", "chat.js", "text/javascript"),
        ("/chat.css", "chat.css", "text/css"),
        ("/favicon.svg", "favicon.svg", "image/svg+xml"),
    ],
)
def test_the_page_is_served(server, path, file, kind):
    response, body = fetch(server, path)
    assert response.status == 200
    assert response.headers["Content-Type"].startswith(kind)
    assert response.headers["Cache-Control"] == "no-store"
    assert body == (WEB_FOLDER / file).read_bytes()


def test_the_settings_of_the_page_are_served(server):
    response, body = fetch(server, "/config.json")
    assert response.headers["Content-Type"].startswith("application/json")
    assert '"shop_name": "Lämps & Co"' in body.decode("utf-8")


@pytest.mark.parametrize(
    "path",
    [
        "/../errors.py",
        "/../../pyproject.toml",
        "/%2e%2e/errors.py",
        "/..%2ferrors.py",
        "//etc/passwd",
        "/web/",
        "/chat.js/",
        "/CHAT.JS",
        "/nothing.html",
    ],
)
def test_nothing_else_is_there(server, path):
    response, body = fetch(server, path)
    assert response.status == 404
    assert body == b"There is no such page.\n"


def test_head_has_no_body_and_post_is_refused(server):
    response, body = fetch(server, "/", "HEAD")
    assert (response.status, body) == (200, b"")
    assert fetch(server, "/", "POST")[0].status == 501


def test_it_listens_on_this_machine_only(server):
    assert server._server.server_address[0] == HOST


def test_a_port_in_use_is_one_sentence():
    with socket.create_server((HOST, 0)) as other:
        number = other.getsockname()[1]
        with pytest.raises(DemoError, match=f"cannot be served on port {number}"):
            WebServer(number, CONFIG)


def test_a_stopped_server_gives_its_port_back():
    with WebServer(0, CONFIG) as first:
        number = first.port
    with WebServer(number, CONFIG) as second:
        assert fetch(second, "/")[0].status == 200


def product(number, categories, currency="SEK"):
    return Product(id=str(number), name="x", price=Decimal(1), currency=currency, categories=categories)


def test_the_questions_to_try_come_from_the_catalogue():
    products = [
        *(product(n, ("Audio", "Headphones")) for n in range(3)),
        *(product(n, ("Audio", "Earbuds")) for n in range(3, 5)),
        product(6, ("Garden", "Planters")),
        product(7, (), "EUR"),
    ]
    config = page_config(
        shop_name="x", currency="EUR", rasa_port=5105, products=products, has_pages=True, has_orders=True
    )
    assert config == {
        "shop_name": "x",
        "rasa_url": "http://127.0.0.1:5105",
        "currency": "SEK",
        "suggestions": [
            "Show me headphones",
            "Show me planters",
            "What is your return policy?",
            "Where is my order?",
        ],
    }


def test_a_shop_without_pages_and_orders_suggests_neither():
    config = page_config(shop_name="x", currency="EUR", rasa_port=1, products=[], has_pages=False, has_orders=False)
    assert config["suggestions"] == []
    assert config["currency"] == "EUR"
