"""Writes data/shop/events.csv: what invented customers of the demo shop looked at, bought and rated.

Usage: .venv/bin/python scripts/make_demo_events.py

The events are synthetic. Each customer has one or two interests, a purse, and brands they like; they come in visits,
look at several products of one kind, sometimes buy, sometimes with something that goes with it, and sometimes rate.
Whatever is measured on them says that the code finds such structure, not that real customers behave so. The customers
of customers.json browse, too, but their purchases are those of orders.json and not repeated here.

The same seed gives the same file.
"""

import csv
import io
import json
from collections import defaultdict
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np

from shopllm_rasa.catalog import Product, read_catalog
from shopllm_rasa.storage import write_text

DATA = Path(__file__).parent.parent / "data"
SEED = 20261120
CUSTOMERS = 1400
FIRST, LAST = datetime(2025, 12, 1), datetime(2026, 11, 20)

INTERESTS = {
    "runner": "Running Shoes, Socks, T-Shirts, Earbuds, Water Bottles, Action Cameras, Sandals",
    "camper": "Tents, Sleeping Bags, Hiking Boots, Backpacks, Water Bottles, Power Banks, Jackets, Bike Lights",
    "cook": "Frying Pans, Saucepans, Casseroles, Knives, Bakeware, Stand Mixers, Blenders, Air Fryers",
    "coffee": "Coffee Machines, Coffee Grinders, Kettles, Toasters, Candles",
    "photographer": "Mirrorless Cameras, Tripods, Instant Cameras, Action Cameras, Storage, Backpacks",
    "gardener": "Garden Tools, Planters, Watering, Garden Furniture, Barbecues",
    "new home": "Sofas, Dining Tables, Bookcases, Mattresses, Bedside Tables, Lamps, Rugs, Bed Linen, Duvets, Cushions",
    "home office": "Laptops, Monitors, Keyboards, Mice, Webcams, Desks, Office Chairs, Headphones, Storage",
    "smart home": "Smart Bulbs, Smart Plugs, Thermostats, Security Cameras, Robot Vacuums",
    "phone": "Smartphones, Phone Cases, Chargers, Power Banks, Earbuds, Tablets",
    "parent": "Board Games, Building Sets, Puzzles, Soft Toys, Tablets, Towels",
    "style": "Dresses, Jeans, Shirts, Jumpers, Boots, Trainers, Handbags, Wallets, Perfume",
    "care": "Skincare, Hair Dryers, Electric Toothbrushes, Perfume, Towels, Candles",
    "music": "Headphones, Turntables, Soundbars, Bluetooth Speakers, Earbuds",
    "fitness": "Yoga Mats, Dumbbells, Water Bottles, Trainers, T-Shirts, Bluetooth Speakers",
    "traveller": "Suitcases, Backpacks, Wallets, Power Banks, Instant Cameras, Headphones",
}
GOES_WITH = {
    "Smartphones": "Phone Cases, Chargers, Power Banks", "Laptops": "Mice, Storage, Keyboards", "Tablets": "Keyboards",
    "Mirrorless Cameras": "Tripods, Storage", "Action Cameras": "Tripods", "Tents": "Sleeping Bags",
    "Hiking Boots": "Socks", "Running Shoes": "Socks", "Coffee Machines": "Coffee Grinders", "Kettles": "Toasters",
    "Mattresses": "Duvets, Bed Linen", "Duvets": "Bed Linen", "Sofas": "Cushions, Rugs", "Desks": "Office Chairs",
    "Monitors": "Webcams, Keyboards", "Planters": "Garden Tools, Watering", "Frying Pans": "Saucepans, Knives",
    "Jeans": "T-Shirts, Shirts", "Dresses": "Handbags", "Yoga Mats": "Water Bottles, Dumbbells",
    "Bedside Tables": "Lamps", "Barbecues": "Garden Furniture", "Suitcases": "Wallets, Backpacks",
}  # fmt: skip


class Shoppers:
    """Makes events of one seed."""

    def __init__(self, products: list[Product]) -> None:
        self.random = np.random.default_rng(SEED)
        self.by_kind: dict[str, list[Product]] = defaultdict(list)
        for product in products:
            self.by_kind[product.categories[-1]].append(product)
        # What is rated often in the catalogue is what sells; a little chance besides.
        self.appeal = {product.id: (product.rating_count + 5) * self.random.lognormal(0, 0.5) for product in products}
        self.dear = {}
        for own in self.by_kind.values():
            ranked = sorted(own, key=lambda product: product.price)
            for place, product in enumerate(ranked):
                self.dear[product.id] = place / max(1, len(ranked) - 1)
        self.matches: dict[tuple[str, str], float] = defaultdict(lambda: float(self.random.lognormal(0, 2)))
        self.rows: list[tuple[datetime, str, str, str, str]] = []

    def shop(self, customer: str, buys: bool) -> None:
        """The visits of one customer."""
        random = self.random
        interests = random.choice(list(INTERESTS), 2, replace=False)
        purse = random.beta(2, 2)
        brands: dict[str, float] = defaultdict(lambda: float(random.lognormal(0, 0.6)))
        had: set[str] = set()
        time = FIRST + (LAST - FIRST) * random.random() * 0.8
        wanted: list[str] = []
        for _ in range(1 + random.poisson(3.4)):
            time += timedelta(days=float(random.exponential(26)), minutes=float(random.uniform(0, 600)))
            if time >= LAST:
                return
            kind = self._kind(interests, wanted)
            self._visit(customer, kind, time, purse, brands, had, wanted, buys)

    def _kind(self, interests: list[str], wanted: list[str]) -> str:
        draw = self.random.random()
        if wanted and draw < 0.4:
            return wanted.pop()
        if draw < 0.85:
            interest = interests[0] if self.random.random() < 0.72 else interests[1]
            return str(self.random.choice(INTERESTS[interest].split(", ")))
        return str(self.random.choice(list(self.by_kind)))

    def _visit(self, customer, kind, time, purse, brands, had, wanted, buys) -> None:
        random = self.random
        liked = self._choose(kind, purse, brands, 1 + random.poisson(2.2))
        for product in liked:
            time += timedelta(seconds=float(random.uniform(20, 240)))
            self._add(time, customer, product, "view")
        if random.random() > 0.5:
            return
        self._add(time + timedelta(seconds=30), customer, liked[0], "cart")
        wanted.extend(GOES_WITH.get(kind, "").split(", ") if kind in GOES_WITH else [])
        random.shuffle(wanted)
        if not buys or random.random() > 0.8:
            return
        basket = [liked[0]]
        if kind in GOES_WITH and random.random() < 0.55:
            basket.append(self._companion(liked[0], str(random.choice(GOES_WITH[kind].split(", ")))))
            self._add(time + timedelta(seconds=90), customer, basket[1], "view")
        for product in basket:
            if product.id in had:
                continue
            had.add(product.id)
            self._add(time + timedelta(minutes=4), customer, product, "purchase")
            if random.random() < 0.25:
                stars = int(np.clip(round(random.normal(product.rating or 4, 0.9)), 1, 5))
                self._add(time + timedelta(days=float(random.uniform(5, 25))), customer, product, "rating", str(stars))

    def _choose(self, kind, purse, brands, count) -> list[Product]:
        own = self.by_kind[kind]
        weights = np.array(
            [
                self.appeal[product.id] * brands[product.brand] * np.exp(-4 * (self.dear[product.id] - purse) ** 2)
                for product in own
            ]
        )
        places = self.random.choice(len(own), min(count, len(own)), replace=False, p=weights / weights.sum())
        return [own[place] for place in places]

    def _companion(self, product: Product, kind: str) -> Product:
        """What goes with a product of all of another kind: most often one and the same."""
        own = self.by_kind[kind]
        weights = np.array(
            [self.matches[product.id, other.id] * (1 + 4 * (product.brand == other.brand)) for other in own]
        )
        return own[self.random.choice(len(own), p=weights / weights.sum())]

    def _add(self, time: datetime, customer: str, product: Product, kind: str, value: str = "") -> None:
        if time < LAST:
            self.rows.append((time, customer, product.id, kind, value))


def main() -> None:
    """Writes the file."""
    shoppers = Shoppers(list(read_catalog(DATA / "catalog" / "products.jsonl")))
    known = [customer["id"] for customer in json.loads((DATA / "shop" / "customers.json").read_text(encoding="utf-8"))]
    for customer in known:
        shoppers.shop(customer, buys=False)
    for number in range(CUSTOMERS):
        shoppers.shop(f"S-{number:04}", buys=True)
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(["customer_id", "product_id", "type", "time", "value"])
    for time, customer, product, kind, value in sorted(shoppers.rows):
        writer.writerow([customer, product, kind, f"{time:%Y-%m-%dT%H:%M:%SZ}", value])
    file = DATA / "shop" / "events.csv"
    write_text(file, stream.getvalue())
    print(f"{len(shoppers.rows)} events written to {file}")


if __name__ == "__main__":
    main()
