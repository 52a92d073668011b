"""A whole catalogue: in order, resumable, and honest about what was refused."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import GenerationError, ShopDataError
from shopllm_rasa.insights import DescriptionWriter
from shopllm_rasa.insights.catalog_run import describe_catalog


def rows(out: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]


class TestRun:
    @pytest.mark.parametrize("jobs", [1, 4])
    def test_a_line_a_product_in_order(self, demo_catalog: list[Product], tmp_path: Path, jobs: int) -> None:
        done = 0

        def advance() -> None:
            nonlocal done
            done += 1

        report = describe_catalog(demo_catalog, DescriptionWriter(), tmp_path / "out.jsonl", jobs=jobs, advance=advance)
        assert [row["id"] for row in rows(tmp_path / "out.jsonl")] == [product.id for product in demo_catalog]
        assert (report.described, report.kept, report.composed) == (len(demo_catalog), 0, len(demo_catalog))
        assert done == len(demo_catalog)
        assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]

    def test_an_empty_catalogue(self, tmp_path: Path) -> None:
        assert describe_catalog([], DescriptionWriter(), tmp_path / "out.jsonl").described == 0
        assert rows(tmp_path / "out.jsonl") == []

    def test_only_what_changed_is_described_again(self, some_products: list[Product], tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"
        describe_catalog(some_products, DescriptionWriter(), out)
        changed = [replace(some_products[0], description="New text."), *some_products[2:]]
        report = describe_catalog(changed, DescriptionWriter(), out)
        assert (report.described, report.kept) == (1, len(some_products) - 2)
        assert [row["id"] for row in rows(out)] == [product.id for product in changed]
        assert rows(out)[0]["text"] == "New text."
        cheaper = [replace(changed[0], price=changed[0].price / 2), *changed[1:]]
        assert describe_catalog(cheaper, DescriptionWriter(), out).described == 0
        assert describe_catalog(changed, DescriptionWriter(), out, tone="friendly").kept == 0


class TestInterruption:
    @pytest.mark.parametrize("times", [1, 2])
    def test_goes_on_where_it_stopped(self, some_products: list[Product], tmp_path: Path, times: int) -> None:
        out = tmp_path / "out.jsonl"
        described: list[str] = []

        class Counting(DescriptionWriter):
            def describe(self, product: Product, *arguments: Any) -> Any:
                described.append(product.id)
                return super().describe(product, *arguments)

        def until(number: int) -> Iterator[Product]:
            for position, product in enumerate(some_products):
                if position == number:
                    raise KeyboardInterrupt
                yield product

        for time in range(1, times + 1):
            with pytest.raises(KeyboardInterrupt):
                describe_catalog(until(12 * time), Counting(), out, jobs=1)
            assert not out.exists()
        with (tmp_path / "out.jsonl.part").open("a", encoding="utf-8") as stream:
            stream.write('{"id": "torn", "digest": "')
        described.clear()
        report = describe_catalog(some_products, Counting(), out, jobs=1)
        assert [row["id"] for row in rows(out)] == [product.id for product in some_products]
        assert report.kept > 0
        assert len(described) == report.described == len(some_products) - report.kept
        assert [file.name for file in tmp_path.iterdir()] == ["out.jsonl"]

    def test_two_runs_do_not_write_to_one_file(self, some_products: list[Product], tmp_path: Path) -> None:
        out = tmp_path / "out.jsonl"

        def start_another() -> Iterator[Product]:
            with pytest.raises(ShopDataError, match="Another run is writing"):
                describe_catalog(some_products, DescriptionWriter(), out)
            yield from some_products

        describe_catalog(start_another(), DescriptionWriter(), out)
        assert len(rows(out)) == len(some_products)


class TestReport:
    def test_refusals_are_counted_with_an_example(
        self, some_products: list[Product], tmp_path: Path, model: Callable[..., Any]
    ) -> None:
        report = describe_catalog(some_products, DescriptionWriter(model("no JSON")), tmp_path / "out.jsonl", jobs=1)
        assert report.refusals == {"form": 2 * len(some_products)}
        assert report.examples == {"form": f"{some_products[0].id}: the reply is no JSON object"}
        assert json.loads(json.dumps(report.to_dict()))["composed"] == len(some_products)
        assert rows(tmp_path / "out.jsonl")[0]["refused"][1]["attempt"] == 2

    def test_what_no_model_could_be_asked_about_is_tried_again(
        self, some_products: list[Product], tmp_path: Path, model: Callable[..., Any]
    ) -> None:
        out = tmp_path / "out.jsonl"
        broken = model(GenerationError("The server is gone."))
        assert describe_catalog(some_products, DescriptionWriter(broken), out).composed == len(some_products)
        assert describe_catalog(some_products, DescriptionWriter(model("no JSON")), out).kept == 0
        assert describe_catalog(some_products, DescriptionWriter(model("no JSON")), out).described == 0
