"""How well the next purchase is foreseen, on events held back by time."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from tqdm import tqdm

from shopllm_rasa.errors import RecommendationError
from shopllm_rasa.recommendation.behaviour import BehaviourModel
from shopllm_rasa.recommendation.content import RememberedContent
from shopllm_rasa.recommendation.mix import PARTS, Mix
from shopllm_rasa.recommendation.ranking import Content, Ranker, diversified
from shopllm_rasa.recommendation.signals import History, event_weight
from shopllm_rasa.recommendation.tuning import (
    MIN_CASES,
    TOP,
    Case,
    CategoryOf,
    gain,
    in_order,
    moments,
    sampled,
    split_at,
    tuned_model,
)
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

# Shares of the purchases, in time, from which validation and test begin.
VALIDATION_FROM, TEST_FROM = 0.6, 0.8
RESAMPLES = 1000
_SEED = 0
_NEIGHBOURS = 50

Recommend = Callable[[Case], Sequence[str]]


@dataclass(frozen=True)
class Figure:
    """A mean with its 95 % bootstrap interval."""

    mean: float
    low: float
    high: float

    @classmethod
    def of(cls, values: np.ndarray) -> "Figure":
        """The mean of values, one for each customer, and where it lies in 95 % of 1000 resamples of customers."""
        random = np.random.default_rng(_SEED)
        means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(RESAMPLES)]
        low, high = np.percentile(means, [2.5, 97.5])
        return cls(float(values.mean()), float(low), float(high))


@dataclass(frozen=True)
class Line:
    """How one way to recommend did.

    Attributes:
        hit_rate: share of purchases that were among the ten recommended.
        ndcg: 1 / log2(1 + rank) of the purchase among the ten, on average.
        gain: of our list's nDCG over this one's, customer by customer; None for our own.
    """

    name: str
    hit_rate: Figure
    ndcg: Figure
    gain: Figure | None


@dataclass(frozen=True)
class Report:
    """What `evaluate` found.

    Attributes:
        events: how many there are, and `customers` who did them.
        cases: purchases to foresee in the test period, one a customer; `validation_cases` in that before it.
        newcomers: purchases left out because nothing was known of the customer.
        unknown: purchases left out because the product was nowhere seen before.
        mix: the shares chosen on the validation period.
        dimensions: of the collaborative model; 0 where there were too few events for one.
        with_content: whether the catalogue's side took part.
        lines: ours first, then its parts, then what it is compared with.
    """

    events: int
    customers: int
    validation_from: datetime
    test_from: datetime
    validation_cases: int
    cases: int
    newcomers: int
    unknown: int
    mix: Mix
    dimensions: int
    with_content: bool
    lines: tuple[Line, ...]


def evaluate(
    events: Iterable[Event],
    settings: RecommendationSettings,
    content: Content | None = None,
    category_of: CategoryOf = lambda product: None,
    *,
    progress: bool = False,
) -> Report:
    """Foresees the last purchase of each customer and compares with popularity and item-item neighbours.

    Everything is learned from events before the test period; of a customer what they did until a day before the
    purchase is known. Mix and dimensions are chosen on the validation period before it, with models of what was
    before that.

    Args:
        events: of all customers, in any order.
        settings: weights and thresholds.
        content: the catalogue's side; None leaves it out.
        category_of: gives the narrowest category of a product's id.
        progress: whether to show progress on standard error.

    Raises:
        RecommendationError: if there are too few purchases to say anything.
    """
    ordered = in_order(events)
    content = RememberedContent(content) if content is not None else None
    validation_from, test_from = moments(ordered, VALIDATION_FROM, TEST_FROM)
    test = split_at(ordered, test_from, None, content)
    if len(test.cases) < MIN_CASES:
        raise RecommendationError(
            f"Only {len(test.cases)} customers bought something new after {test_from:%Y-%m-%d %H:%M} and did something "
            f"a day or more before; at least {MIN_CASES} are needed for a figure that means anything."
        )
    validation = split_at(ordered, validation_from, test_from, content)
    tuned = tuned_model(validation, settings, content, category_of, progress=progress)
    dimensions = tuned.factors.products.shape[1] if tuned.factors is not None else 0
    fitted = BehaviourModel.fit(test.training, settings, category_of, dimensions=dimensions or 16, progress=progress)
    model = replace(fitted, mix=tuned.mix)
    ways: dict[str, Recommend] = {
        "ours": _ours(model, content, settings, settings.diversity),
        "ours, not diversified": _ours(model, content, settings, 0),
        **{
            f"{name} alone": _ours(replace(model, mix=_only(name)), content, settings, 0)
            for name in PARTS
            if (content is not None or name != "content") and (model.factors is not None or name != "collaborative")
        },
        "item-item, cosine": _item_item(test.training, settings, "cosine"),
        "item-item, BM25": _item_item(test.training, settings, "bm25"),
        "bought most often": _popular(test.training),
    }
    cases = sampled(test.cases)
    gains = {
        name: np.array(
            [gain(case.target, way(case)) for case in tqdm(cases, desc=name, disable=not progress, leave=False)]
        )
        for name, way in ways.items()
    }
    own = gains["ours"]
    return Report(
        events=len(ordered),
        customers=len({event.customer_id for event in ordered}),
        validation_from=validation_from,
        test_from=test_from,
        validation_cases=len(validation.cases),
        cases=len(cases),
        newcomers=test.newcomers,
        unknown=test.unknown,
        mix=model.mix,
        dimensions=dimensions,
        with_content=content is not None,
        lines=tuple(
            Line(
                name,
                Figure.of((values > 0).astype(float)),
                Figure.of(values),
                None if name == "ours" else Figure.of(own - values),
            )
            for name, values in gains.items()
        ),
    )


def _only(part: str) -> Mix:
    return Mix(**{name: float(name == part) for name in PARTS})


def _ours(
    model: BehaviourModel, content: Content | None, settings: RecommendationSettings, variety: float
) -> Recommend:
    ranker = Ranker(model, content)

    def recommend(case: Case) -> Sequence[str]:
        history = History.of(case.past, settings, case.time)
        bought = case.bought
        ids = [item for item in ranker.candidates(history) if item not in bought]
        scores = ranker.scores(history, ids, model.mix)
        if not variety or content is None:
            return [ids[place] for place in np.argsort(-scores, kind="stable")[:TOP]]
        return [ids[place] for place in diversified(scores, content.vectors(ids), TOP, variety)]

    return recommend


def _popular(training: Iterable[Event]) -> Recommend:
    counts = Counter(event.product_id for event in training if event.type == "purchase")
    ranked = [product for product, _ in counts.most_common()]

    def recommend(case: Case) -> Sequence[str]:
        bought = case.bought
        return [item for item in ranked[: TOP + len(bought)] if item not in bought]

    return recommend


def _item_item(training: Sequence[Event], settings: RecommendationSettings, kind: str) -> Recommend:
    """Nearest neighbours of items as the library `implicit` has them, on the same weights of events."""
    from implicit.nearest_neighbours import BM25Recommender, CosineRecommender
    from scipy import sparse

    customers: dict[str, int] = {}
    products: dict[str, int] = {}
    rows = [customers.setdefault(event.customer_id, len(customers)) for event in training]
    columns = [products.setdefault(event.product_id, len(products)) for event in training]
    weights = [max(0.0, event_weight(event, settings)) for event in training]
    matrix = sparse.coo_matrix((weights, (rows, columns)), dtype=np.float32).tocsr()
    model = (CosineRecommender if kind == "cosine" else BM25Recommender)(K=_NEIGHBOURS, num_threads=1)
    model.fit(matrix, show_progress=False)
    ids = list(products)

    def recommend(case: Case) -> Sequence[str]:
        own: dict[int, float] = defaultdict(float)
        for event in case.past:
            if event.product_id in products:
                own[products[event.product_id]] += max(0.0, event_weight(event, settings))
        row = sparse.csr_matrix(
            (list(own.values()), ([0] * len(own), list(own))), shape=(1, len(ids)), dtype=np.float32
        )
        hidden = np.array([products[item] for item in case.bought if item in products], np.int32)
        numbers, scores = model.recommend(0, row, N=TOP, filter_already_liked_items=False, filter_items=hidden)
        return [ids[number] for number, score in zip(numbers, scores, strict=True) if number >= 0 and score > 0]

    return recommend
