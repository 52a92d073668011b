import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from shopllm_rasa import __version__
from shopllm_rasa.cli.main import app
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.settings import SETTINGS_ENV
from shopllm_rasa.shop import ShopStore

QUESTION = "What is the return policy for electronic products?"
OFF_TOPIC = "Who won the football world cup in 1998?"
HIT_KEYS = ["id", "name", "brand", "price", "currency", "score", "reasons"]
ANSWER_KEYS = ["answer", "answered", "sources", "backend", "supported", "record"]
ROWS = [
    {"id": "K-1", "name": "Dome Kettle", "price": "59.95", "categories": ["Kettles"], "description": "Boils water."},
    {"id": "S-1", "name": "Trail Shoes", "price": "99", "categories": ["Shoes"], "description": "For running."},
]


def commands(group: Any = None, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    """Every command and group there is."""
    group = group or get_command(app)
    found = [path]
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, (*path, name))
    return found


def one_sentence(text: str) -> bool:
    """Whether a person is told what is wrong, without Python's own words."""
    return bool(text.strip()) and "Traceback" not in text and 'File "' not in text and text.strip().count("\n") < 4


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    file = tmp_path / "products.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return file


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    folder = tmp_path / "pages"
    folder.mkdir()
    (folder / "returns.md").write_text("# Returns\n\n## How long\n\nYou can return shoes within 21 days.\n", "utf-8")
    return folder


class TestUsage:
    @pytest.mark.parametrize("path", commands(), ids=" ".join)
    def test_every_command_has_help(self, shopllm, path: tuple[str, ...]) -> None:
        done = shopllm(*path, "--help")
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Usage: ")
        assert " ".join(path) in done.out
        lines = [line.strip() for line in done.out.splitlines() if line.strip()]
        assert len(lines[1]) > 15  # says what it does
        if path and path not in {("index",), ("shop",), ("demo",), ("recommend",)}:
            assert "Example: shopllm" in done.out

    def test_the_commands_there_are(self) -> None:
        names = {" ".join(path) for path in commands()}
        assert {"index build", "index stats", "search", "ask", "describe", "doctor", "demo", "shop import"} <= names
        assert {"explain", "adapt"} <= names
        assert {"recommend fit", "recommend for", "recommend similar", "recommend with", "recommend evaluate"} <= names

    def test_version(self, shopllm) -> None:
        done = shopllm("--version")
        assert (done.code, done.out.strip()) == (0, __version__)

    @pytest.mark.parametrize(
        "arguments",
        [
            ("nonsense",),
            ("--nonsense",),
            ("index",),
            ("index", "nonsense"),
            ("index", "build"),
            ("index", "build", "--catalog", "x.jsonl"),
            ("index", "build", "--catalog", "x.jsonl", "--dry-run", "--format", "excel"),
            ("index", "build", "--catalog", "x.jsonl", "--dry-run", "--on-error", "hope"),
            ("search",),
            ("search", "kettle", "--nonsense"),
            ("search", "kettle", "--limit", "0"),
            ("search", "kettle", "--limit", "many"),
            ("search", "kettle", "teapot"),
            ("ask",),
            ("ask", "question", "--file", "questions.txt"),
            ("ask", "--file", "nowhere.txt"),
            ("ask", "question", "--index"),
            ("describe",),
            ("describe", "kettle", "--sku", "K-1"),
            ("describe", "kettle", "--catalog", "x.jsonl", "--out", "y.jsonl"),
            ("describe", "--catalog", "x.jsonl"),
            ("describe", "kettle", "--out", "y.jsonl"),
            ("describe", "kettle", "--tone", "rude"),
            ("describe", "kettle", "--length", "0"),
            ("doctor", "--nonsense"),
            ("explain",),
            ("explain", ""),
            ("explain", "where is my parcel", "--card"),
            ("explain", "where is my parcel", "--threshold", "2"),
            ("adapt",),
            ("adapt", "--texts", "messages.txt"),
            ("adapt", "--texts", "messages.txt", "--out", "encoder", "--epochs", "0"),
            ("shop", "import"),
            ("shop", "import", "--orders", "orders.json"),
            ("shop", "import", "--customers", "customers.json", "--events", "events.csv"),
            ("recommend", "for"),
            ("recommend", "similar", "--sku"),
            ("recommend", "evaluate"),
        ],
        ids=" ".join,
    )
    def test_wrong_usage(self, shopllm, arguments: tuple[str, ...]) -> None:
        done = shopllm(*arguments)
        assert done.code == 2
        assert "Traceback" not in done.err
        if arguments == ("index",):  # a group alone shows its help
            assert "Usage: " in done.out + done.err
        else:
            assert done.out == ""
            assert "Error: " in done.err


class TestProcess:
    """The same in a process of its own, as a script starts it."""

    def run(self, tmp_path: Path, *arguments: object) -> subprocess.CompletedProcess[str]:
        environment = {name: value for name, value in os.environ.items() if name != SETTINGS_ENV}
        command = [sys.executable, "-m", "shopllm_rasa.cli.main", *map(str, arguments)]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=120)

    def test_done(self, tmp_path: Path, index_dir: Path) -> None:
        done = self.run(tmp_path, "search", "kettle", "--index", index_dir, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["hits"]

    def test_could_not(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "search", "kettle", "--index", tmp_path / "nowhere")
        assert (done.returncode, done.stdout) == (1, "")
        assert one_sentence(done.stderr)
        assert "nowhere' does not exist" in done.stderr

    def test_wrong_usage(self, tmp_path: Path) -> None:
        done = self.run(tmp_path, "search", "--nonsense")
        assert (done.returncode, done.stdout) == (2, "")
        assert "--nonsense" in done.stderr

    def test_bytes_that_are_no_text(self, tmp_path: Path, index_dir: Path) -> None:
        done = self.run(tmp_path, "search", "\udcff kettle", "--index", index_dir, "--json")
        assert (done.returncode, done.stderr) == (0, "")
        assert json.loads(done.stdout)["hits"]

    def test_a_reader_that_goes_away(self, tmp_path: Path, index_dir: Path) -> None:
        questions = tmp_path / "questions.txt"
        questions.write_text(f"{QUESTION}\n" * 200, encoding="utf-8")
        command = [sys.executable, "-m", "shopllm_rasa.cli.main", "ask", "--file", str(questions)]
        command += ["--index", str(index_dir), "--json"]
        with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            assert process.stdout is not None
            assert process.stderr is not None
            assert json.loads(process.stdout.readline())["answered"]
            process.stdout.close()
            assert process.stderr.read() == b""


class TestBuild:
    def test_an_index_of_products_and_pages(self, shopllm, catalog: Path, pages: Path, tmp_path: Path) -> None:
        out = tmp_path / "new" / "index"
        done = shopllm("index", "build", "--catalog", catalog, "--knowledge", pages, "--out", out, "--json")
        assert done.code == 0
        assert json.loads(done.out) == {"products": 2, "passages": 1, "left_out": 0}
        assert sorted(product.id for product in ProductIndex.open(out).products) == ["K-1", "S-1"]

        stats = json.loads(shopllm("index", "stats", "--index", out, "--json").out)
        assert (stats["products"], stats["passages"], stats["encoder"]) == (2, 1, "default")
        assert stats["dimensions"] == 384

        answer = json.loads(shopllm("ask", "How long can I return shoes?", "--index", out, "--json").out)
        assert answer["answer"] == "You can return shoes within 21 days."
        assert answer["sources"] == [{"title": "Returns", "section": "How long", "path": "returns.md"}]

    def test_in_words(self, shopllm, catalog: Path, tmp_path: Path) -> None:
        out = tmp_path / "index"
        done = shopllm("index", "build", "--catalog", catalog, "--out", out)
        assert done.code == 0
        assert done.out == f"2 products and 0 passages of pages in {out}\n"
        stats = shopllm("index", "stats", "--index", out)
        assert stats.code == 0
        assert "products" in stats.out
        answer = shopllm("ask", "How long can I return shoes?", "--index", out)
        assert (answer.code, answer.out) == (0, "The shop's pages do not answer this.\n")

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "the file is empty"),
            (b"\n\n", "the feed has no products"),
            (b"{not json}\n", "line 1: this is not valid JSON"),
            (b'{"id": "K-1", "name": "Kettle"}\n', "line 1: 'price' is missing"),
            (b'{"id": "K-1", "name": "Kettle", "price": "cheap"}\n', "line 1: 'price' is 'cheap'"),
            (b'{"id": "K-1", "name": "K\xf6nig", "price": 1}\n', "is not UTF-8"),
        ],
    )
    def test_a_bad_catalogue(self, shopllm, tmp_path: Path, content: bytes, message: str) -> None:
        file = tmp_path / "bad.jsonl"
        file.write_bytes(content)
        done = shopllm("index", "build", "--catalog", file, "--out", tmp_path / "index")
        assert (done.code, done.out) == (1, "")
        assert one_sentence(done.err)
        assert str(file) in done.err
        assert message in done.err
        assert not (tmp_path / "index").exists()

    @pytest.mark.parametrize("name", ["nowhere.jsonl", "folder.jsonl", "products.xlsx"])
    def test_a_catalogue_that_is_no_feed(self, shopllm, tmp_path: Path, name: str) -> None:
        (tmp_path / "folder.jsonl").mkdir()
        (tmp_path / "products.xlsx").write_bytes(b"PK")
        done = shopllm("index", "build", "--catalog", tmp_path / name, "--out", tmp_path / "index")
        assert (done.code, done.out) == (1, "")
        assert one_sentence(done.err)
        assert name in done.err

    def test_pages_that_are_not_there(self, shopllm, catalog: Path, tmp_path: Path) -> None:
        out = tmp_path / "index"
        done = shopllm("index", "build", "--catalog", catalog, "--knowledge", tmp_path / "nowhere", "--out", out)
        assert done.code == 1
        assert one_sentence(done.err)
        assert "nowhere" in done.err
        assert not out.exists()

    @pytest.mark.parametrize("place", ["file", "file/index"])
    def test_an_index_that_cannot_be_written(self, shopllm, catalog: Path, tmp_path: Path, place: str) -> None:
        (tmp_path / "file").write_text("I was here first")
        done = shopllm("index", "build", "--catalog", catalog, "--out", tmp_path / place)
        assert (done.code, done.out) == (1, "")
        assert one_sentence(done.err)
        assert (tmp_path / "file").read_text() == "I was here first"

    def test_an_encoder_that_does_not_exist(self, shopllm, catalog: Path, tmp_path: Path) -> None:
        arguments = ("--catalog", catalog, "--out", tmp_path / "index", "--model", tmp_path / "no-such-model")
        done = shopllm("index", "build", *arguments)
        assert (done.code, done.out) == (1, "")
        assert "no-such-model" in done.err
        assert "Traceback" not in done.err

    def test_bad_rows_left_out(self, shopllm, catalog: Path, tmp_path: Path) -> None:
        with catalog.open("a", encoding="utf-8") as stream:
            stream.write('{"id": "X-1", "name": "No price"}\n')
        arguments = ("--catalog", catalog, "--out", tmp_path / "index", "--json")
        done = shopllm("index", "build", *arguments)
        assert done.code == 0
        assert json.loads(done.out) == {"products": 2, "passages": 0, "left_out": 1}
        assert f"left out, 1 of 3 rows:\n{catalog}, line 3: 'price' is missing" in done.err

    def test_a_bad_row_may_stop_the_build(self, shopllm, catalog: Path, tmp_path: Path) -> None:
        with catalog.open("a", encoding="utf-8") as stream:
            stream.write('{"id": "X-1", "name": "No price"}\n')
        done = shopllm("index", "build", "--catalog", catalog, "--out", tmp_path / "index", "--on-error", "stop")
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith(f"{catalog}, line 3: 'price' is missing")
        assert not (tmp_path / "index").exists()

    def test_the_old_index_survives_a_bad_catalogue(self, shopllm, index_copy: Path, tmp_path: Path) -> None:
        file = tmp_path / "bad.jsonl"
        file.write_text("{}\n")
        before = json.loads(shopllm("index", "stats", "--index", index_copy, "--json").out)
        assert shopllm("index", "build", "--catalog", file, "--out", index_copy).code == 1
        assert json.loads(shopllm("index", "stats", "--index", index_copy, "--json").out) == before


class TestDryRun:
    """What `index build --dry-run` says of a feed."""

    FEED = (
        "Handle,Title,Option1 Name,Option1 Value,Variant SKU,Variant Price,Status\n"
        "shirt,Shirt,Size,M,S-M,20,active\n"
        "shirt,,,L,S-L,19,\n"
        "mug,Mug,Title,Default Title,MUG,free,active\n"
        "old,Old,Title,Default Title,OLD,5,archived\n"
        "pan,Pan,Title,Default Title,PAN,9,active\n"
    )

    @pytest.fixture
    def export(self, tmp_path: Path) -> Path:
        file = tmp_path / "products_export.csv"
        file.write_text(self.FEED, encoding="utf-8")
        return file

    def test_json(self, shopllm, export: Path) -> None:
        done = shopllm("index", "build", "--catalog", export, "--dry-run", "--json")
        assert (done.code, done.err) == (0, "")
        assert json.loads(done.out) == {
            "feed": str(export),
            "format": "shopify",
            "rows": 5,
            "products": 2,
            "variants": 2,
            "bad_rows": 1,
            "not_for_sale": 1,
            "causes": {"price": 1, "archived": 1},
            "problems": [
                {
                    "line": 4,
                    "reason": "'price' is 'free'; expected an amount such as 49.99 (no variant of 'mug' is left)",
                    "rows": 1,
                    "bad": True,
                },
                {"line": 5, "reason": "its status is 'archived'", "rows": 1, "bad": False},
            ],
            "on_error": "skip",
            "builds": True,
        }
        assert not list(export.parent.rglob("manifest.json"))

    def test_in_words(self, shopllm, export: Path) -> None:
        done = shopllm("index", "build", "--catalog", export, "--dry-run")
        assert done.code == 0
        words = " ".join(done.out.split())
        for part in ("format shopify", "rows read 5", "products kept 2", "variants grouped 2", "rows refused 1"):
            assert part in words
        assert f"{export}, line 4: 'price' is 'free'" in done.out
        assert "With on_error skip a build would go through" in words

    def test_a_build_that_would_stop(self, shopllm, export: Path) -> None:
        done = shopllm("index", "build", "--catalog", export, "--dry-run", "--on-error", "stop")
        assert done.code == 1
        assert f"With on_error stop a build would stop: {export}, line 4:" in " ".join(done.out.split())

    def test_a_feed_that_is_none(self, shopllm, tmp_path: Path) -> None:
        done = shopllm("index", "build", "--catalog", tmp_path / "nowhere.csv", "--dry-run")
        assert (done.code, done.out) == (1, "")
        assert one_sentence(done.err)

    def test_a_format_of_one_s_own(self, shopllm, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        file = tmp_path / "export.dat"
        file.write_text("Artikel;Preis\nKessel;1.299\n", encoding="utf-8")
        settings = tmp_path / "own.yml"
        settings.write_text("catalog: {format: csv, decimal: ',', columns: {name: Artikel, price: Preis}}", "utf-8")
        monkeypatch.setenv(SETTINGS_ENV, str(settings))
        done = shopllm("index", "build", "--catalog", file, "--dry-run", "--json")
        assert (done.code, json.loads(done.out)["products"]) == (0, 1)
        done = shopllm("index", "build", "--catalog", file, "--dry-run", "--format", "shopify")
        assert done.code == 2
        assert "columns can be named for the formats jsonl and csv; format is shopify" in done.err


class TestSearch:
    def search(self, shopllm, index: Path, *arguments: object) -> dict[str, Any]:
        done = shopllm("search", *arguments, "--index", index, "--json")
        assert (done.code, done.err) == (0, "")
        found = json.loads(done.out)
        assert list(found) == ["hits", "relaxed"]
        assert all(list(hit) == HIT_KEYS for hit in found["hits"])
        return found

    def test_json(self, shopllm, index_dir: Path, product_index: ProductIndex) -> None:
        found = self.search(shopllm, index_dir, "kettles under 60")
        assert found["relaxed"] == []
        assert sorted(hit["id"] for hit in found["hits"]) == ["KIT-1327", "KIT-1328", "KIT-1364"]
        for hit in found["hits"]:
            product = product_index.get(hit["id"])
            assert product is not None
            assert (hit["name"], hit["brand"], hit["price"]) == (product.name, product.brand, str(product.price))
            assert (hit["currency"], type(hit["score"])) == ("EUR", float)
            assert "Kettles" in hit["reasons"]
        scores = [hit["score"] for hit in found["hits"]]
        assert scores == sorted(scores, reverse=True)

    def test_what_was_given_up(self, shopllm, index_dir: Path) -> None:
        found = self.search(shopllm, index_dir, "a Sonavale kettle")
        assert found["relaxed"] == ["brand"]
        assert {hit["brand"] for hit in found["hits"]} <= {"Brackenmill", "Casaro"}
        done = shopllm("search", "a Sonavale kettle", "--index", index_dir)
        assert "Nothing fits all of it; given up: brand." in done.err

    def test_options(self, shopllm, index_dir: Path) -> None:
        options = ("--brand", "casaro", "--brand", "Brackenmill", "--category", "Kettles", "--in-stock")
        found = self.search(shopllm, index_dir, "a kettle for tea", *options, "--min-price", "50", "-k", "2")
        assert len(found["hits"]) == 2
        assert all(Decimal(hit["price"]) >= 50 for hit in found["hits"])
        assert "KIT-1391" not in [hit["id"] for hit in found["hits"]]  # out of stock

    def test_an_option_counts_more_than_the_words(self, shopllm, index_dir: Path) -> None:
        found = self.search(shopllm, index_dir, "kettles under 60", "--max-price", "50")
        assert [hit["id"] for hit in found["hits"]] == ["KIT-1364"]

    def test_the_words_of_a_customer(self, shopllm, index_dir: Path) -> None:
        found = self.search(shopllm, index_dir, "the cheapest kettles, not from Casaro")
        prices = [Decimal(hit["price"]) for hit in found["hits"]]
        assert prices == sorted(prices)
        assert {hit["brand"] for hit in found["hits"]} == {"Brackenmill"}
        rated = self.search(shopllm, index_dir, "kettles with at least 4.5 stars")
        assert rated["hits"]
        assert all(float(hit["reasons"][-1].split()[0]) >= 4.5 for hit in rated["hits"])

    def test_options_for_what_is_not_wanted(self, shopllm, index_dir: Path) -> None:
        every = self.search(shopllm, index_dir, "kettle")["hits"]
        some = self.search(shopllm, index_dir, "kettle", "--exclude", "gooseneck", "--exclude-brand", "casaro")["hits"]
        assert any("Gooseneck" in hit["name"] for hit in every)
        assert some
        assert not any("Gooseneck" in hit["name"] or hit["brand"] == "Casaro" for hit in some)

    def test_options_for_stars_attributes_and_any_filter(self, shopllm, index_dir: Path) -> None:
        options = (
            "--min-rating",
            "4",
            "--attribute",
            "colour=black",
            "--filter",
            "price_max=100",
            "--filter",
            "in_stock=yes",
        )
        found = self.search(shopllm, index_dir, "headphones", *options)
        assert found["hits"]
        assert all("colour: black" in hit["reasons"] and Decimal(hit["price"]) <= 100 for hit in found["hits"])

    def test_an_order_as_an_option(self, shopllm, index_dir: Path) -> None:
        prices = [Decimal(hit["price"]) for hit in self.sorted(shopllm, index_dir, "-price")]
        assert prices == sorted(prices, reverse=True)
        assert (
            "Sorted: most expensive first." in shopllm("search", "kettle", "--sort", "-price", "--index", index_dir).err
        )

    def sorted(self, shopllm, index_dir: Path, order: str) -> list[dict[str, Any]]:
        done = shopllm("search", "kettle", "--sort", order, "--index", index_dir, "--json")
        assert done.code == 0
        return json.loads(done.out)["hits"]

    def test_facets(self, shopllm, index_dir: Path) -> None:
        done = shopllm("search", "kettle", "--facets", "--index", index_dir, "--json")
        found = json.loads(done.out)
        assert list(found) == ["hits", "relaxed", "facets"]
        assert found["facets"]["category"]["Kettles"] >= 5
        assert "category: " in shopllm("search", "kettle", "--facets", "--index", index_dir).out

    def test_a_table(self, shopllm, index_dir: Path) -> None:
        done = shopllm("search", "Casaro Vetro Glass Kettle", "--index", index_dir, "-k", "1")
        assert (done.code, done.err) == (0, "")
        assert "Casaro Vetro Glass Kettle 1.5 L" in done.out
        assert "49.50 EUR" in done.out

    def test_nothing_found(self, shopllm, index_dir: Path) -> None:
        # What an option says is never given up.
        assert self.search(shopllm, index_dir, "zzzz qqqq", "--max-price", "0.5", "--category", "Nothing") == {
            "hits": [],
            "relaxed": [],
        }
        done = shopllm("search", "zzzz", "--category", "Nothing", "--index", index_dir)
        assert (done.code, done.out.strip()) == (0, "Nothing found.")

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("",), "The query is empty."),
            (("kettle", "--max-price", "cheap"), "'price_max' is 'cheap'; expected an amount such as 49.99."),
            (("kettle", "--max-price", "-5"), "'price_max' is -5; expected an amount from 0."),
            (("kettle", "--min-price", "9", "--max-price", "5"), "price_min 9 is above price_max 5"),
            (("kettles over 50 and under 20",), "price_min 50 is above price_max 20"),
            (("kettle", "--filter", "colour=red"), "Unknown filter 'colour'. Known filters: price_min, price_max, "),
            (("kettle", "--min-rating", "6"), "'min_rating' is '6'; expected stars from 0 to 5."),
            (("kettle", "--currency", "USD"), "No product has a price in USD; the prices are in EUR."),
            (("kettle", "--sort", "newest"), "There is no sort order 'newest'. Allowed: price, -price, rating, "),
        ],
        ids=str,
    )
    def test_what_cannot_be_searched(self, shopllm, index_dir: Path, arguments: tuple[str, ...], message: str) -> None:
        done = shopllm("search", *arguments, "--index", index_dir, "--json")
        assert (done.code, done.out) == (1, "")
        assert message in done.err
        assert one_sentence(done.err)


class TestAsk:
    def test_json(self, shopllm, index_dir: Path) -> None:
        done = shopllm("ask", QUESTION, "--index", index_dir, "--json")
        assert (done.code, done.err) == (0, "")
        answer = json.loads(done.out)
        assert list(answer) == ANSWER_KEYS
        assert answer["answered"] is True
        assert "30 days" in answer["answer"]
        assert answer["sources"] == [{"title": "Returns", "section": "Returning electronics", "path": "returns.md"}]
        assert (answer["backend"], answer["supported"]) == ("embedded", True)

    def test_json_of_no_answer(self, shopllm, index_dir: Path) -> None:
        done = shopllm("ask", OFF_TOPIC, "--index", index_dir, "--json")
        assert done.code == 0
        answer = json.loads(done.out)
        assert list(answer) == ANSWER_KEYS
        assert (answer["answered"], answer["answer"]) == (False, "")

    def test_in_words(self, shopllm, index_dir: Path) -> None:
        done = shopllm("ask", QUESTION, "--index", index_dir)
        assert "30 days" in done.out
        assert done.out.endswith("\nSource: Returns > Returning electronics\n")
        assert shopllm("ask", OFF_TOPIC, "--index", index_dir).out == "The shop's pages do not answer this.\n"

    def test_a_file_gives_one_object_a_line(self, shopllm, index_dir: Path, tmp_path: Path) -> None:
        file = tmp_path / "questions.txt"
        file.write_text(f"\ufeff{QUESTION}\n\n  \n{OFF_TOPIC}\r\nWo ist – mein Päckchen?\n", encoding="utf-8")
        done = shopllm("ask", "--file", file, "--index", index_dir, "--json")
        assert (done.code, done.err) == (0, "")
        answers = [json.loads(line) for line in done.out.splitlines()]
        assert [list(answer) for answer in answers] == [ANSWER_KEYS] * 3
        assert [answer["answered"] for answer in answers[:2]] == [True, False]

    def test_a_file_in_words(self, shopllm, index_dir: Path, tmp_path: Path) -> None:
        file = tmp_path / "questions.txt"
        file.write_text(f"{QUESTION}\n{OFF_TOPIC}\n", encoding="utf-8")
        out = shopllm("ask", "--file", file, "--index", index_dir).out
        assert out.startswith(f"> {QUESTION}\n")
        assert f"\n> {OFF_TOPIC}\nThe shop's pages do not answer this." in out

    def test_an_empty_file(self, shopllm, index_dir: Path, tmp_path: Path) -> None:
        file = tmp_path / "questions.txt"
        file.write_text("\n")
        assert shopllm("ask", "--file", file, "--index", index_dir, "--json").out == ""

    def test_a_file_that_is_not_utf8(self, shopllm, index_dir: Path, tmp_path: Path) -> None:
        file = tmp_path / "questions.txt"
        file.write_bytes(b"\xff\xfe\xfd")
        done = shopllm("ask", "--file", file, "--index", index_dir)
        assert (done.code, done.out) == (2, "")
        assert "not UTF-8" in done.err

    @pytest.mark.parametrize("question", ["", "  ", "?"])
    def test_an_empty_question(self, shopllm, index_dir: Path, question: str) -> None:
        done = shopllm("ask", question, "--index", index_dir, "--json")
        assert done.code in (0, 1)
        if done.code == 0:
            assert json.loads(done.out)["answered"] is False
        else:
            assert one_sentence(done.err)


class TestDescribe:
    @pytest.mark.parametrize("arguments", [("casaro vetro",), ("--sku", "KIT-1364"), ("a glass kettle",)], ids=str)
    def test_a_product(self, shopllm, index_dir: Path, arguments: tuple[str, ...]) -> None:
        done = shopllm("describe", *arguments, "--index", index_dir)
        assert (done.code, done.err) == (0, "")
        assert done.out.startswith("Casaro Vetro Glass Kettle 1.5 L, 49.50 EUR\n")

    def test_json(self, shopllm, index_dir: Path, product_index: ProductIndex) -> None:
        done = shopllm("describe", "--sku", "KIT-1364", "--index", index_dir, "--json")
        value = json.loads(done.out)
        product = product_index.get("KIT-1364")
        assert product is not None
        assert list(value) == ["product", "description"]
        assert value["product"] == product.to_dict()
        description = value["description"]
        assert list(description) == [
            "id", "title", "text", "bullets", "seo_title", "seo_description", "tone", "length", "backend", "refused"
        ]  # fmt: skip
        assert description["text"].split(". ")[0] in product.description
        assert (description["backend"], description["tone"], description["length"]) == ("composed", "plain", "medium")

    def test_tone_and_length(self, shopllm, index_dir: Path) -> None:
        options = ("--sku", "KIT-1364", "--index", index_dir)
        plain, friendly = shopllm("describe", *options).out, shopllm("describe", *options, "--tone", "friendly").out
        long = shopllm("describe", *options, "--length", "long").out
        assert plain != friendly
        assert len(plain) < len(long)

    def test_a_catalogue(self, shopllm, data_dir: Path, tmp_path: Path) -> None:
        catalog, out = data_dir / "catalog" / "products.jsonl", tmp_path / "descriptions.jsonl"
        done = shopllm("describe", "--catalog", catalog, "--out", out, "--tone", "technical", "--json")
        assert done.code == 0
        assert "describing" in done.err
        total = len(catalog.read_text(encoding="utf-8").splitlines())
        report = json.loads(done.out)
        assert (report["described"], report["kept"], report["refusals"]) == (total, 0, {})
        lines = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
        assert len(lines) == total
        assert all(0 < len(line["seo_title"]) <= 60 and 0 < len(line["seo_description"]) <= 155 for line in lines)
        done = shopllm("describe", "--catalog", catalog, "--out", out, "--tone", "technical")
        assert f"{total} kept from an earlier run" in done.out

    def test_a_bad_feed_leaves_earlier_descriptions_alone(self, shopllm, tmp_path: Path) -> None:
        (tmp_path / "bad.jsonl").write_text('{"name": "Kettle"}\n', encoding="utf-8")
        (tmp_path / "out.jsonl").write_text("kept\n", encoding="utf-8")
        done = shopllm("describe", "--catalog", tmp_path / "bad.jsonl", "--out", tmp_path / "out.jsonl")
        assert (done.code, done.out) == (1, "")
        assert "line 1" in done.err
        assert (tmp_path / "out.jsonl").read_text(encoding="utf-8") == "kept\n"

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (("--sku", "KIT-0"), "There is no product with the id 'KIT-0'."),
            (("zzzz qqqq xxxx",), "No product goes by 'zzzz qqqq xxxx'."),
            (("",), "The query is empty."),
        ],
    )
    def test_no_product(self, shopllm, index_dir: Path, arguments: tuple[str, ...], message: str) -> None:
        done = shopllm("describe", *arguments, "--index", index_dir)
        assert (done.code, done.out, done.err.strip()) == (1, "", message)


class TestIndexOption:
    @pytest.mark.parametrize(
        "command", [("search", "kettle"), ("ask", "returns?"), ("describe", "kettle"), ("index", "stats")], ids=" ".join
    )
    def test_no_index(self, shopllm, tmp_path: Path, command: tuple[str, ...]) -> None:
        for arguments in (("--index", tmp_path / "nowhere"), ()):
            done = shopllm(*command, *arguments)
            assert (done.code, done.out) == (1, "")
            assert "does not exist. Build it again: shopllm index build --catalog FILE --out DIR" in done.err
            assert one_sentence(done.err)

    @pytest.mark.parametrize("command", [("search", "kettle"), ("ask", "returns?"), ("index", "stats")], ids=" ".join)
    def test_a_damaged_index(self, shopllm, index_copy: Path, command: tuple[str, ...]) -> None:
        (index_copy / "manifest.json").write_text("{")
        done = shopllm(*command, "--index", index_copy)
        assert (done.code, done.out) == (1, "")
        assert "is damaged" in done.err
        assert one_sentence(done.err)

    def test_by_default_the_one_of_the_settings(self, shopllm, index_dir: Path) -> None:
        Path("shopllm.yml").write_text(f"paths: {{index: {index_dir}}}\nretrieval: {{min_product_score: 0.1}}\n")
        assert json.loads(shopllm("search", "kettle", "--json").out)["hits"]

    def test_a_wrong_settings_file(self, shopllm, index_dir: Path) -> None:
        Path("shopllm.yml").write_text("path: {index: here}\n")
        done = shopllm("search", "kettle", "--index", index_dir)
        assert (done.code, done.out) == (1, "")
        assert "shopllm.yml: unknown key 'path'. Known keys: shop, paths" in done.err


class TestShopImport:
    def test_the_demo_shop(self, shopllm, data_dir: Path, tmp_path: Path) -> None:
        Path("shopllm.yml").write_text(f"paths: {{database: 'sqlite:///{tmp_path}/shop.sqlite'}}\n")
        shop = data_dir / "shop"
        done = shopllm("shop", "import", "--customers", shop / "customers.json", "--orders", shop / "orders.json")
        assert (done.code, done.out, done.err) == (0, "40 customers and 90 orders imported\n", "")
        order = json.loads((shop / "orders.json").read_text())[0]
        people = {person["id"]: person["email"] for person in json.loads((shop / "customers.json").read_text())}
        store = ShopStore(f"sqlite:///{tmp_path}/shop.sqlite")
        assert store.find_order(order["number"], people[order["customer_id"]]) is not None

    def test_a_bad_file(self, shopllm, data_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "orders.json").write_text("[{}]")
        customers = data_dir / "shop" / "customers.json"
        done = shopllm("shop", "import", "--customers", customers, "--orders", tmp_path / "orders.json")
        assert (done.code, done.out) == (1, "")
        assert "orders.json, entry 1: 'status' is missing." in done.err


class TestDoctor:
    def settings(self, index: Path, data: Path, more: str = "") -> None:
        paths = f"index: {index}, catalog: {data}/catalog/products.jsonl, knowledge: {data}/knowledge"
        Path("shopllm.yml").write_text(f"paths: {{{paths}, database: 'sqlite:///shop.sqlite'}}\n{more}")

    def checks(self, text: str) -> dict[str, dict[str, str]]:
        values = json.loads(text)
        assert all(list(check) == ["name", "state", "found", "advice"] for check in values)
        assert {check["state"] for check in values} <= {"ok", "note", "problem"}
        assert all(check["advice"] for check in values if check["state"] != "ok")
        return {check["name"]: check for check in values}

    def test_all_is_well(self, shopllm, index_dir: Path, data_dir: Path) -> None:
        self.settings(index_dir, data_dir)
        done = shopllm("doctor", "--json")
        assert (done.code, done.err) == (0, "")
        checks = self.checks(done.out)
        for name in ("Python", "torch", "faiss-cpu", "settings", "catalogue", "pages", "index", "database"):
            assert checks[name]["state"] == "ok"
        assert checks["index"]["found"] == "35 products, encoder default"

    def test_a_table(self, shopllm, index_dir: Path, data_dir: Path) -> None:
        self.settings(index_dir, data_dir)
        done = shopllm("doctor")
        assert done.code == 0
        assert "35 products, encoder default" in done.out

    def test_what_is_missing(self, shopllm, tmp_path: Path) -> None:
        self.settings(tmp_path / "nowhere", tmp_path / "no-data")
        done = shopllm("doctor", "--json")
        assert done.code == 1
        checks = self.checks(done.out)
        assert {name for name, check in checks.items() if check["state"] == "problem"} == {
            "catalogue",
            "pages",
            "index",
        }
        assert "nowhere' does not exist" in checks["index"]["found"]

    def test_wrong_settings(self, shopllm) -> None:
        Path("shopllm.yml").write_text("retrieval: {passages: 99}\n")
        done = shopllm("doctor", "--json")
        assert done.code == 1
        assert "'retrieval.passages'" in self.checks(done.out)["settings"]["found"]

    def test_a_database_that_cannot_be_opened(self, shopllm, index_dir: Path, data_dir: Path) -> None:
        self.settings(index_dir, data_dir)
        Path("shop.sqlite").mkdir()
        done = shopllm("doctor", "--json")
        assert done.code == 1
        assert self.checks(done.out)["database"]["state"] == "problem"

    def test_a_language_model_that_does_not_answer(self, shopllm, index_dir: Path, data_dir: Path) -> None:
        key = "sk-very-secret"
        model = f"base_url: 'http://127.0.0.1:1/v1', api_key: {key}"
        self.settings(index_dir, data_dir, f"generation: {{backend: openai, openai: {{{model}}}}}\n")
        done = shopllm("doctor", "--json")
        assert done.code == 1
        check = self.checks(done.out)["language model"]
        assert (check["state"], check["found"]) == ("problem", "ConnectionError")
        assert "http://127.0.0.1:1/v1" in check["advice"]
        assert key not in done.out + done.err
