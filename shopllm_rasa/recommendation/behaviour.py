"""What all customers' events together say of products: which are bought, which go together.

The model knows products, not customers. A product, and a pair of products, is in it only when at least
`min_customers` different customers stand behind it, so that nothing it says leads back to one of them.
"""

import json
from array import array
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

import numpy as np
from safetensors.numpy import save
from scipy import sparse

from shopllm_rasa.errors import IndexUnusableError, RecommendationError
from shopllm_rasa.recommendation.collaborative import Factors, factorise
from shopllm_rasa.recommendation.mix import Mix
from shopllm_rasa.recommendation.pairs import Pairs, count_pairs
from shopllm_rasa.recommendation.signals import event_weight
from shopllm_rasa.retrieval.arrays import ArrayFile
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import EVENT_TYPES, Event
from shopllm_rasa.storage import write_bytes

FORMAT = 1
_ABOUT = "about"
# Neighbours kept of a product; the count of shared customers from which a neighbour is half trusted.
NEIGHBOURS = 50
_HALF_TRUSTED = 5
# Of a customer with more products (a reseller, a robot) the strongest are used.
_MAX_CUSTOMER_PRODUCTS = 500
_BLOCK = 512
_SECONDS_A_DAY = 86_400
_EPOCH = datetime(1970, 1, 1)


@dataclass(frozen=True)
class Neighbours:
    """For each product the products that the same customers care for, in compressed rows.

    Attributes:
        starts: int64 of shape (products + 1,); row r is `[starts[r]:starts[r + 1]]`.
        products: int32, the neighbours' numbers, the nearest first.
        scores: float32, cosines, 0 to 1.
    """

    starts: np.ndarray
    products: np.ndarray
    scores: np.ndarray

    def of(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        """The neighbours of one product and their scores."""
        row = slice(int(self.starts[number]), int(self.starts[number + 1]))
        return self.products[row], self.scores[row]


@dataclass(frozen=True, eq=False)
class BehaviourModel:
    """What was learned from events.

    Attributes:
        products: ids of the products that enough customers did something with.
        popularity: float32 of shape (products,), 0 to 1: the logarithm of recent demand.
        buyers: int32 of shape (products,): how many customers bought it.
        neighbours: products that the same customers care for.
        together: pairs of products that are bought on one day.
        categories: names of narrowest categories.
        category_pairs: pairs of categories that the same customers buy.
        factors: the collaborative model; None where there were too few events for one.
        events: how many events it was learned from.
        customers: how many customers did them.
        mix: how its parts and the catalogue's are mixed.
    """

    products: list[str]
    popularity: np.ndarray
    buyers: np.ndarray
    neighbours: Neighbours
    together: Pairs
    categories: list[str]
    category_pairs: Pairs
    factors: Factors | None
    events: int
    customers: int
    mix: Mix = field(default_factory=Mix)

    def __len__(self) -> int:
        return len(self.products)

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {product: number for number, product in enumerate(self.products)}

    def number(self, product_id: str) -> int | None:
        """A product's number, None where the model does not know it."""
        return self._numbers.get(product_id)

    def often_with(self, product_id: str) -> list[tuple[str, int]]:
        """Ids of products that are often bought with one, the strongest first, and by how many customers."""
        number = self.number(product_id)
        pairs = [] if number is None else self.together.of(number)
        return [(self.products[item], customers) for item, _, customers in pairs]

    def often_with_category(self, name: str) -> list[tuple[str, int]]:
        """Narrowest categories that customers of one buy, too, the strongest first, and how many customers do."""
        pairs = self.category_pairs.of(self.categories.index(name)) if name in self.categories else []
        return [(self.categories[item], customers) for item, _, customers in pairs]

    @classmethod
    def fit(
        cls,
        events: Iterable[Event],
        settings: RecommendationSettings,
        category_of: Callable[[str], str | None] = lambda product: None,
        *,
        dimensions: int = 16,
        progress: bool = False,
    ) -> "BehaviourModel":
        """Learns from events.

        Args:
            events: of all customers, in any order.
            settings: weights, half-life, `min_customers`, thresholds.
            category_of: gives the narrowest category of a product's id, None where it has none.
            dimensions: of the collaborative model.
            progress: whether to show a progress bar on standard error.

        Raises:
            RecommendationError: if there are no events.
        """
        table = _Table.of(events, settings)
        if not len(table.time):
            raise RecommendationError("There are no events to learn from.")
        liked = table.strengths()
        behind = np.asarray((liked > 0).sum(axis=0)).ravel()
        known = np.flatnonzero(behind >= settings.min_customers)
        renumbered = np.full(len(table.products), -1, dtype=np.int64)
        renumbered[known] = np.arange(len(known))
        liked = _strongest(liked[:, known].tocsr())
        purchases = table.type == EVENT_TYPES.index("purchase")
        baskets = _baskets(table.customer[purchases], table.time[purchases])
        bought = renumbered[table.product[purchases]]
        names = [category_of(product) for product in table.products]
        categories = sorted({name for name in names if name})
        number_of = {name: number for number, name in enumerate(categories)}
        category = np.array([number_of.get(name or "", -1) for name in names], dtype=np.int64)[table.product[purchases]]
        bought_by = table.customer[purchases]
        enough = liked.nnz >= settings.collaborative_min_pairs and min(liked.shape) > dimensions
        return cls(
            [table.products[number] for number in known],
            table.demand(settings.half_life_days)[known],
            _distinct(bought_by, bought, len(known)),
            _neighbours(liked, settings.min_customers),
            count_pairs(baskets, bought, bought_by, len(known), settings.min_customers, settings.min_lift),
            categories,
            count_pairs(bought_by, category, bought_by, len(categories), settings.min_customers, settings.min_lift),
            factorise(liked, dimensions, progress=progress) if enough else None,
            len(table.time),
            table.customers,
        )

    def save(self, file: Path) -> None:
        """Writes the model as one safetensors file, in one step."""
        arrays = {
            "popularity": self.popularity,
            "buyers": self.buyers,
            **{f"neighbours.{name}": value for name, value in vars(self.neighbours).items()},
            **{f"together.{name}": value for name, value in vars(self.together).items()},
            **{f"category_pairs.{name}": value for name, value in vars(self.category_pairs).items()},
        }
        about: dict[str, object] = {
            "format": FORMAT,
            "products": self.products,
            "categories": self.categories,
            "events": self.events,
            "customers": self.customers,
            "mix": vars(self.mix),
        }
        if self.factors is not None:
            arrays["factors"] = self.factors.products
            about |= {"alpha": self.factors.alpha, "regularization": self.factors.regularization}
        arrays[_ABOUT] = np.frombuffer(json.dumps(about).encode("utf-8"), np.uint8)
        write_bytes(file, save({name: np.ascontiguousarray(value) for name, value in arrays.items()}))

    @classmethod
    def load(cls, file: Path) -> "BehaviourModel":
        """Reads what `save` wrote.

        Raises:
            RecommendationError: if the file is missing, damaged or of another format.
        """
        if not file.is_file():
            raise RecommendationError(f"There is no '{file}'. Make it with: shopllm recommend fit")
        try:
            arrays = ArrayFile(file)
            about = json.loads(bytes(arrays[_ABOUT]))
            if about["format"] != FORMAT:
                raise RecommendationError(
                    f"'{file}' has format {about['format']}, this version reads {FORMAT}. "
                    "Make it again with: shopllm recommend fit"
                )
            factors = None
            if "factors" in arrays:
                factors = Factors(arrays["factors"], float(about["alpha"]), float(about["regularization"]))

            def part(name: str) -> dict[str, np.ndarray]:
                return {key.partition(".")[2]: value for key, value in arrays.items() if key.startswith(f"{name}.")}

            return cls(
                list(about["products"]),
                arrays["popularity"],
                arrays["buyers"],
                Neighbours(**part("neighbours")),
                Pairs(**part("together")),
                list(about["categories"]),
                Pairs(**part("category_pairs")),
                factors,
                int(about["events"]),
                int(about["customers"]),
                Mix(**about["mix"]),
            )
        except (IndexUnusableError, ValueError, TypeError, KeyError) as error:
            raise RecommendationError(
                f"'{file}' is damaged ({type(error).__name__}). Make it again with: shopllm recommend fit"
            ) from None


@dataclass(frozen=True)
class _Table:
    """Events as columns: 25 bytes each.

    Attributes:
        weight: what each counts before it ages.
        time: seconds since 1970, UTC.
    """

    products: list[str]
    customers: int
    customer: np.ndarray
    product: np.ndarray
    type: np.ndarray
    weight: np.ndarray
    time: np.ndarray

    @classmethod
    def of(cls, events: Iterable[Event], settings: RecommendationSettings) -> "_Table":
        customers: dict[str, int] = {}
        products: dict[str, int] = {}
        customer, product, kind = array("i"), array("i"), array("b")
        weight, time = array("f"), array("d")
        for event in events:
            customer.append(customers.setdefault(event.customer_id, len(customers)))
            product.append(products.setdefault(event.product_id, len(products)))
            kind.append(EVENT_TYPES.index(event.type))
            weight.append(event_weight(event, settings))
            time.append((event.time - _EPOCH).total_seconds())
        columns = (np.frombuffer(values, values.typecode) if len(values) else np.zeros(0, values.typecode)
                   for values in (customer, product, kind, weight, time))  # fmt: skip
        return cls(list(products), len(customers), *columns)

    def strengths(self) -> sparse.csr_matrix:
        """How much each customer cares for each product: log(1 + sum of weights), customers by products.

        What goes together ages slowly, so age does not count here.
        """
        shape = (self.customers, len(self.products))
        matrix = sparse.coo_matrix((self.weight, (self.customer, self.product)), shape=shape).tocsr()
        matrix.data = np.log1p(np.maximum(matrix.data, 0)).astype(np.float32)
        matrix.eliminate_zeros()
        return matrix

    def demand(self, half_life_days: float) -> np.ndarray:
        """Recent demand of each product as the logarithm of aged weights, 0 to 1."""
        age = (self.time.max() - self.time) / _SECONDS_A_DAY
        aged = np.maximum(self.weight, 0) * 0.5 ** (age / half_life_days)
        demand = np.log1p(np.bincount(self.product, aged, minlength=len(self.products)))
        return (demand / (demand.max() or 1)).astype(np.float32)


def _strongest(liked: sparse.csr_matrix) -> sparse.csr_matrix:
    """Cuts the rows of customers with very many products."""
    lengths = np.diff(liked.indptr)
    if not len(lengths) or lengths.max() <= _MAX_CUSTOMER_PRODUCTS:
        return liked
    for row in np.flatnonzero(lengths > _MAX_CUSTOMER_PRODUCTS):
        values = liked.data[liked.indptr[row] : liked.indptr[row + 1]]
        values[np.argsort(-values, kind="stable")[_MAX_CUSTOMER_PRODUCTS:]] = 0
    liked.eliminate_zeros()
    return liked


def _baskets(customer: np.ndarray, time: np.ndarray) -> np.ndarray:
    """A number for each purchase's basket: what one customer buys on one day."""
    day = (time // _SECONDS_A_DAY).astype(np.int64)
    _, numbers = np.unique(customer.astype(np.int64) << 32 | day, return_inverse=True)
    return numbers


def _distinct(customer: np.ndarray, product: np.ndarray, count: int) -> np.ndarray:
    """How many customers each product has; products numbered -1 are passed over."""
    keep = product >= 0
    pairs = np.unique(customer[keep].astype(np.int64) * max(count, 1) + product[keep])
    return np.bincount(pairs % max(count, 1), minlength=count).astype(np.int32)


def _neighbours(liked: sparse.csr_matrix, min_customers: int) -> Neighbours:
    """Item-item neighbours: the cosine of two products' columns of customers.

    A customer with many products says less of each pair and counts 1 / log2(1 + products). A cosine that few
    customers stand behind is shrunk by n / (n + 5) (as in Bell and Koren, "Scalable collaborative filtering with
    jointly derived neighborhood interpolation weights", 2007).
    """
    count = liked.shape[1]
    lengths = np.diff(liked.indptr)
    damped = sparse.diags(1 / np.log2(1 + np.maximum(lengths, 1))) @ liked
    norms = np.sqrt(np.asarray(damped.multiply(damped).sum(axis=0)).ravel())
    columns = (damped @ sparse.diags(1 / np.maximum(norms, 1e-12))).tocsc().astype(np.float32)
    present = liked.copy().tocsc()
    present.data = np.ones_like(present.data)
    starts, products, scores = [0], [], []
    for start in range(0, count, _BLOCK):
        cosines = (columns[:, start : start + _BLOCK].T @ columns).tocsr()
        shared = (present[:, start : start + _BLOCK].T @ present).tocsr()
        for row in range(cosines.shape[0]):
            numbers, values = _best(_row(cosines, row, count), _row(shared, row, count), start + row, min_customers)
            products.append(numbers)
            scores.append(values)
            starts.append(starts[-1] + len(numbers))
    empty = np.zeros(0, np.int32), np.zeros(0, np.float32)
    return Neighbours(
        np.array(starts, np.int64),
        np.concatenate(products) if products else empty[0],
        np.concatenate(scores) if scores else empty[1],
    )


def _row(matrix: sparse.csr_matrix, row: int, count: int) -> np.ndarray:
    dense = np.zeros(count, np.float32)
    part = slice(matrix.indptr[row], matrix.indptr[row + 1])
    dense[matrix.indices[part]] = matrix.data[part]
    return dense


def _best(cosines: np.ndarray, shared: np.ndarray, own: int, min_customers: int) -> tuple[np.ndarray, np.ndarray]:
    scores = np.where(shared >= min_customers, cosines * shared / (shared + _HALF_TRUSTED), 0)
    scores[own] = 0
    numbers = np.argsort(-scores, kind="stable")[:NEIGHBOURS]
    numbers = numbers[scores[numbers] > 0]
    return numbers.astype(np.int32), scores[numbers].astype(np.float32)
