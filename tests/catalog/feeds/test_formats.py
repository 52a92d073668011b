from pathlib import Path

import pytest

from shopllm_rasa.catalog.feeds import READERS, format_of
from shopllm_rasa.catalog.feeds.source import Feed
from shopllm_rasa.errors import CatalogError
from shopllm_rasa.settings import CatalogSettings

SHOPIFY = "Handle,Title,Vendor,Variant Price\n"


@pytest.mark.parametrize(
    ("name", "text", "found"),
    [
        ("a.jsonl", "anything", "jsonl"),
        ("a.NDJSON", "{}", "jsonl"),
        ("a.txt", '{"name": "Pan", "price": 5}\n', "jsonl"),
        ("a.csv", "name,price\n", "csv"),
        ("a.csv", "handle,title,price\n", "csv"),
        ("a.csv", "", None),
        ("a.csv", SHOPIFY, "shopify"),
        ("a.csv", "\ufeff" + SHOPIFY, "shopify"),
        ("a.csv", SHOPIFY.replace(",", ";"), "shopify"),
        ("a.csv", "Title,URL handle,Option1 name,Price\n", "shopify"),
        ("a.csv", 'ID,Type,SKU,Name,Published,"In stock?","Regular price"\n', "woocommerce"),
        ("a.csv", "sku,attribute_set_code,product_type,name,price\n", "magento"),
        ("a.tsv", "id\ttitle\tprice\tavailability\n", "google_merchant"),
        ("a.txt", "id\ttitle\timage link\tprice\n", "google_merchant"),
        ("a.csv", "id,title,price\n", "csv"),
        ("a.xml", "<?xml version='1.0'?><rss/>", "google_merchant"),
        ("a.txt", "\n <rss/>", "google_merchant"),
        ("a.csv", "\n\n" + SHOPIFY, "shopify"),
    ],
)
def test_a_format_is_told_from_the_file(tmp_path: Path, name: str, text: str, found: str | None) -> None:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    if found is None:
        with pytest.raises(CatalogError, match="the file is empty"):
            format_of(Feed(path))
    else:
        assert format_of(Feed(path)) == found


def test_the_settings_go_before_what_is_found(tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(SHOPIFY, encoding="utf-8")
    assert format_of(Feed(path, CatalogSettings(format="csv"))) == "csv"
    assert format_of(Feed(path, CatalogSettings(columns={"name": "Title"}))) == "csv"


def test_every_format_can_be_chosen() -> None:
    chosen = CatalogSettings.__fields__["format"].type_.__args__
    assert set(chosen) == {"auto", *READERS}
