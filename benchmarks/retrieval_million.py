"""Search, filters and recall at 1,000,000 products."""

import argparse
from typing import Any

from retrieval_scale import measure_size, page_of_size

TITLE = "1,000,000 products"


def measure(options: argparse.Namespace) -> dict[str, Any]:
    return measure_size(options, 25_000 if options.smoke else 1_000_000, 0)


def page(figures: dict[str, Any]) -> list[str]:
    return page_of_size(figures)
