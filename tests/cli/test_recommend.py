import json
from pathlib import Path

import pytest

from shopllm_rasa.shop import EventStore


@pytest.fixture
def shop(index_dir: Path, data_dir: Path) -> Path:
    """Settings of a shop that has the small index and the demo shop's events; what was learned comes here."""
    Path("shopllm.yml").write_text(
        f"paths: {{index: {index_dir}, database: 'sqlite:///shop.sqlite', behaviour: behaviour.safetensors,"
        f" reviews: {data_dir}/reviews/reviews.jsonl}}\n"
    )
    return data_dir / "shop"


def recommended(out: str) -> list[dict]:
    return json.loads(out)["recommendations"]


def test_from_events_to_recommendations(shopllm, shop: Path) -> None:
    done = shopllm("shop", "import", "--events", shop / "events.csv")
    assert (done.code, done.err) == (0, "")
    assert done.out.endswith(" events imported\n")

    done = shopllm("recommend", "fit", "--json")
    assert done.code == 0
    figures = json.loads(done.out)
    assert figures["events"] == len(list(EventStore("sqlite:///shop.sqlite").all()))
    assert figures["collaborative"] is True
    assert Path("behaviour.safetensors").is_file()

    done = shopllm("recommend", "for", "--customer", "S-0001", "--json", "-k", "4", "--max-price", "200")
    assert (done.code, done.err) == (0, "")
    items = recommended(done.out)
    assert len(items) == 4
    assert list(items[0]) == ["id", "name", "brand", "price", "currency", "reason", "score", "debug"]
    assert all(float(item["price"]) <= 200 for item in items)
    assert shopllm("recommend", "for", "--customer", "NOBODY").out.count("\n") == 6


def test_complaints_show_in_debug_alone(shopllm, shop: Path) -> None:
    done = shopllm("recommend", "for", "--customer", "NOBODY", "--wish", "quiet headphones", "--json")
    for item in recommended(done.out):
        assert "complaints" in item["debug"]
        assert "complain" not in item["reason"]


def test_like_a_product(shopllm, shop: Path) -> None:
    done = shopllm("recommend", "similar", "--sku", "KIT-1327", "--json")
    assert (done.code, done.err) == (0, "")
    assert recommended(done.out)[0]["id"] == "KIT-1328"
    table = shopllm("recommend", "similar", "--sku", "KIT-1327", "--limit", "1").out
    assert "Brackenmill Dome Kettle 1.7 L, Cream" in table
    assert "also Kettles, same brand" in table


def test_to_go_with_a_product(shopllm, shop: Path) -> None:
    done = shopllm("recommend", "with", "--sku", "AUD-1042", "--json")
    assert (done.code, done.err) == (0, "")
    assert all(item["id"] != "AUD-1042" for item in recommended(done.out))


@pytest.mark.parametrize("command", ["similar", "with"])
def test_no_such_product(shopllm, shop: Path, command: str) -> None:
    done = shopllm("recommend", command, "--sku", "NOPE")
    assert (done.code, done.out, done.err) == (1, "", "There is no product with the id 'NOPE'.\n")


def test_nothing_to_learn_from(shopllm, shop: Path) -> None:
    done = shopllm("recommend", "fit")
    assert (done.code, done.out) == (1, "")
    assert done.err.endswith("There are no events to learn from.\n")


class TestEvaluate:
    def test_on_the_demo_shops_events(self, shopllm, shop: Path) -> None:
        done = shopllm("recommend", "evaluate", "--events", shop / "events.csv", "--no-catalogue", "--json")
        assert done.code == 0
        report = json.loads(done.out)
        lines = {line["name"]: line for line in report["lines"]}
        assert report["cases"] > 100
        assert lines["ours"]["ndcg"]["mean"] > lines["bought most often"]["ndcg"]["mean"]
        assert lines["ours"]["gain"] is None

    def test_too_few(self, shopllm, shop: Path, tmp_path: Path) -> None:
        file = tmp_path / "events.csv"
        file.write_text("customer_id,product_id,type,time\nC,P,purchase,2026-01-01\nC,Q,purchase,2026-02-01\n")
        done = shopllm("recommend", "evaluate", "--events", file, "--no-catalogue")
        assert (done.code, done.out) == (1, "")
        assert "at least 50 are needed" in done.err

    def test_a_bad_row(self, shopllm, shop: Path, tmp_path: Path) -> None:
        file = tmp_path / "events.csv"
        file.write_text("customer_id,product_id,type,time\nC,P,bought,2026-01-01\n")
        done = shopllm("recommend", "evaluate", "--events", file, "--no-catalogue")
        assert done.code == 1
        assert done.err.endswith("line 2: 'type' is 'bought'; allowed: view, cart, purchase, rating.\n")
