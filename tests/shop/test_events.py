import json
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.errors import ShopDataError
from shopllm_rasa.shop import Event, read_events
from shopllm_rasa.shop.events import MAX_LINE_CHARACTERS

HEADER = "customer_id,product_id,type,time,value\n"
Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write_file(content: str, name: str = "events.csv") -> Path:
        file = tmp_path / name
        file.write_text(content, encoding="utf-8")
        return file

    return write_file


class TestCsv:
    def test_each_type(self, write: Write) -> None:
        rows = (
            "C-1,P-1,view,2026-11-20T14:30:00Z,\nC-1,P-1,rating,2026-11-20,4.5\nC 2,P-2,Purchase,2026-11-20 09:00,2\n"
        )
        assert list(read_events(write(HEADER + rows))) == [
            Event("C-1", "P-1", "view", datetime(2026, 11, 20, 14, 30)),
            Event("C-1", "P-1", "rating", datetime(2026, 11, 20), 4.5),
            Event("C 2", "P-2", "purchase", datetime(2026, 11, 20, 9)),
        ]

    def test_any_order_of_columns_and_more_of_them(self, write: Write) -> None:
        file = write('\ufeffTime,Type,shop,product_id,customer_id\n2026-01-01,cart,"a, b",P,C\n\n')
        assert list(read_events(file)) == [Event("C", "P", "cart", datetime(2026, 1, 1))]

    def test_other_time_zones_become_utc(self, write: Write) -> None:
        (event,) = read_events(write(HEADER + "C,P,view,2026-01-01T01:00:00+02:00,\n"))
        assert event.time == datetime(2025, 12, 31, 23)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("C,P,click,2026-01-01,", "line 3: 'type' is 'click'; allowed: view, cart, purchase, rating."),
            (",P,view,2026-01-01,", "line 3: 'customer_id' is missing."),
            ("C,,view,2026-01-01,", "line 3: 'product_id' is missing."),
            ("C,P,view,yesterday,", "line 3: 'time' is 'yesterday'; expected a date or a time such as"),
            ("C,P,view,2026-02-30,", "line 3: 'time' is '2026-02-30'"),
            ("C,P,rating,2026-01-01,", "line 3: 'value' is ''; a rating needs stars from 1 to 5."),
            ("C,P,rating,2026-01-01,6", "line 3: 'value' is '6'"),
            ("C,P,rating,2026-01-01,nan", "line 3: 'value' is 'nan'"),
            ("C,P,view", "line 3: 3 values, but the header names 5 columns."),
            ('C,"P,view,2026-01-01,', "line 3: this is not valid CSV"),
            (f"{'C' * 65},P,view,2026-01-01,", "line 3: 'customer_id' has to be at most 64 printable characters."),
            (f"C,P,view,2026-01-01,{' ' * MAX_LINE_CHARACTERS}", "line 3: the line has more than 10,000 characters."),
        ],
    )
    def test_a_bad_row(self, write: Write, row: str, message: str) -> None:
        file = write(f"{HEADER}C,P,view,2026-01-01,\n{row}\n")
        with pytest.raises(ShopDataError) as caught:
            list(read_events(file))
        assert f"{file}, {message}" in str(caught.value)

    def test_a_missing_column(self, write: Write) -> None:
        with pytest.raises(ShopDataError, match=r"line 1: the column 'type' is missing\. Needed are customer_id, "):
            list(read_events(write("customer_id,product_id,time\n")))

    def test_one_bad_row_far_down(self, write: Write) -> None:
        good = "C,P,view,2026-01-01,\n"
        file = write(HEADER + good * 20_000 + "C,P,look,2026-01-01,\n" + good)
        with pytest.raises(ShopDataError, match=r"line 20002: 'type' is 'look'"):
            list(read_events(file))


class TestJsonl:
    def test_rows(self, write: Write) -> None:
        row = {"customer_id": 7, "product_id": "P", "type": "rating", "time": "2026-01-01", "value": 3, "page": None}
        assert list(read_events(write(f"{json.dumps(row)}\n\n", "events.jsonl"))) == [
            Event("7", "P", "rating", datetime(2026, 1, 1), 3.0)
        ]

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("{", "line 1: this is not valid JSON."),
            ("[1]", "line 1: expected an object with customer_id, product_id, type, time."),
            ('{"customer_id": true}', "line 1: 'type' is missing."),
            ('{"customer_id": ["C"], "product_id": "P", "type": "view"}', "line 1: 'customer_id' is missing."),
            ("[" * 9_000, "line 1: this is not valid JSON."),
        ],
    )
    def test_a_bad_row(self, write: Write, row: str, message: str) -> None:
        file = write(row, "events.jsonl")
        with pytest.raises(ShopDataError) as caught:
            list(read_events(file))
        assert f"{file}, {message}" in str(caught.value)


def test_files_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(ShopDataError, match="does not exist"):
        list(read_events(tmp_path / "events.csv"))
    with pytest.raises(ShopDataError, match=r"end in \.csv, \.jsonl or \.ndjson"):
        list(read_events(tmp_path / "events.xlsx"))
    file = tmp_path / "latin.csv"
    file.write_bytes((HEADER + "Löwe,P,view,2026-01-01,\n").encode("latin-1"))
    with pytest.raises(ShopDataError, match=r"latin.csv: the file is not UTF-8\."):
        list(read_events(file))


def test_of_the_demo_shop(data_dir: Path, demo_catalog: list[Any]) -> None:
    events = list(read_events(data_dir / "shop" / "events.csv"))
    assert len(events) > 5_000
    assert {event.product_id for event in events} <= {product.id for product in demo_catalog}
