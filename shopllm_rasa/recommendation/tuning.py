"""Events split in time, and what is chosen on the part held back."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import product as combinations

import numpy as np

from shopllm_rasa.errors import RecommendationError
from shopllm_rasa.recommendation.behaviour import BehaviourModel
from shopllm_rasa.recommendation.content import RememberedContent
from shopllm_rasa.recommendation.mix import PARTS, Mix
from shopllm_rasa.recommendation.ranking import Content, Ranker, mixed, trust
from shopllm_rasa.recommendation.signals import History
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

TOP = 10
# What a customer did so shortly before the purchase belongs to the same visit and would give it away.
GAP = timedelta(days=1)
# Fewer held-back purchases than this tell nothing.
MIN_CASES = 50
MAX_CASES = 2000
# The share of the purchases, in time, on which `fit_behaviour` chooses.
_HELD_BACK = 0.2
_STEPS = 5
_BEST = 5
_DIMENSIONS = (16, 64)
_SEED = 0

CategoryOf = Callable[[str], str | None]


@dataclass(frozen=True)
class Case:
    """A purchase to foresee.

    Attributes:
        target: the product that was bought.
        time: when.
        past: what the customer did until a day before.
    """

    target: str
    time: datetime
    past: tuple[Event, ...]

    @property
    def bought(self) -> set[str]:
        """What the customer had bought before; never recommended."""
        return {event.product_id for event in self.past if event.type == "purchase"}


@dataclass(frozen=True)
class Split:
    """Events before a point in time, and the purchases after it that are to be foreseen.

    Attributes:
        training: events of all customers before the point.
        cases: the last new purchase of each customer in the period, where the customer had done something before.
        newcomers: purchases left out because nothing was known of the customer.
        unknown: purchases left out because the product was in no earlier event and not in the index.
    """

    training: list[Event]
    cases: list[Case]
    newcomers: int
    unknown: int


def in_order(events: Iterable[Event]) -> list[Event]:
    """Events by time; those of one moment in a fixed order."""
    return sorted(events, key=lambda event: (event.time, event.customer_id, event.product_id, event.type))


def moments(events: Sequence[Event], *shares: float) -> list[datetime]:
    """When some shares of all purchases were made.

    Args:
        events: by time.
        shares: 0 to below 1.

    Raises:
        RecommendationError: if nothing was bought.
    """
    times = [event.time for event in events if event.type == "purchase"]
    if not times:
        raise RecommendationError("There is no purchase among the events; there is nothing to foresee.")
    return [times[int(len(times) * share)] for share in shares]


def split_at(
    events: Sequence[Event], start: datetime, end: datetime | None = None, content: Content | None = None
) -> Split:
    """Splits events in time.

    Args:
        events: by time.
        start: the end of training and the beginning of the period of cases.
        end: the end of that period; None for the end of the events.
        content: the catalogue's side; its products can be recommended even if nobody did anything with them.
    """
    training = [event for event in events if event.time < start]
    seen = {event.product_id for event in training}
    by_customer: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if end is None or event.time < end:
            by_customer[event.customer_id].append(event)
    cases, newcomers, unknown = [], 0, 0
    for own in by_customer.values():
        target = _last_new_purchase(own)
        if target is None or target.time < start:
            continue
        past = tuple(event for event in own if event.time < target.time - GAP)
        if not past:
            newcomers += 1
        elif target.product_id not in seen and (content is None or not content.vectors([target.product_id]).any()):
            unknown += 1
        else:
            cases.append(Case(target.product_id, target.time, past))
    return Split(training, cases, newcomers, unknown)


def _last_new_purchase(own: Iterable[Event]) -> Event | None:
    before: set[str] = set()
    last = None
    for event in own:
        if event.type == "purchase" and event.product_id not in before:
            before.add(event.product_id)
            last = event
    return last


def sampled(cases: Sequence[Case]) -> list[Case]:
    """At most `MAX_CASES` cases, the same ones each time."""
    if len(cases) <= MAX_CASES:
        return list(cases)
    chosen = np.random.default_rng(_SEED).choice(len(cases), MAX_CASES, replace=False)
    return [cases[number] for number in sorted(chosen)]


def gain(target: str, recommended: Sequence[str]) -> float:
    """The nDCG of a list of ten with one right product: 1 / log2(1 + its rank) (Järvelin and Kekäläinen, 2002)."""
    ten = list(recommended)[:TOP]
    return float(1 / np.log2(ten.index(target) + 2)) if target in ten else 0.0


def tuned_model(
    split: Split,
    settings: RecommendationSettings,
    content: Content | None = None,
    category_of: CategoryOf = lambda product: None,
    *,
    progress: bool = False,
) -> BehaviourModel:
    """A model of a split's training events with the mix and the dimensions that foresee its cases best.

    The mix is the mean of the five best of those in steps of a fifth, for the very best of many is partly luck. With
    fewer than 50 cases nothing is chosen.
    """
    cases = sampled(split.cases)
    models = [
        BehaviourModel.fit(split.training, settings, category_of, dimensions=number, progress=progress)
        for number in (_DIMENSIONS if len(cases) >= MIN_CASES else _DIMENSIONS[:1])
    ]
    if len(cases) < MIN_CASES:
        return models[0]
    if models[0].factors is None:
        models = models[:1]
    chosen = max((_choose(cases, model, content, settings) for model in models), key=lambda item: item[0])
    return chosen[1]


def _choose(
    cases: Sequence[Case], model: BehaviourModel, content: Content | None, settings: RecommendationSettings
) -> tuple[float, BehaviourModel]:
    """The mean gain of a model with its best mix, and the model with it."""
    usable = [
        name for name in PARTS
        if not (name == "content" and content is None) and not (name == "collaborative" and model.factors is None)
    ]  # fmt: skip
    grid = [
        Mix(**{name: step / _STEPS for name, step in zip(usable, steps, strict=True)}, **_zeros(usable))
        for steps in combinations(range(_STEPS + 1), repeat=len(usable))
        if sum(steps) == _STEPS
    ]
    ranker = Ranker(model, content)
    gains = np.zeros(len(grid))
    for case in cases:
        history = History.of(case.past, settings, case.time)
        bought = case.bought
        ids = [item for item in ranker.candidates(history) if item not in bought]
        if case.target not in ids:
            continue
        place = ids.index(case.target)
        parts, trusted = ranker.parts(history, ids), trust(history)
        scores = np.stack([mixed(parts, mix, trusted) for mix in grid])
        ranks = (scores > scores[:, [place]]).sum(axis=1) + 1
        gains += np.where(ranks <= TOP, 1 / np.log2(ranks + 1), 0)
    best = np.argsort(-gains, kind="stable")[:_BEST]
    mean = np.mean([grid[number].values() for number in best], axis=0)
    mix = Mix(**dict(zip(PARTS, mean.astype(float).round(3).tolist(), strict=True)))
    return float(gains[best].mean() / len(cases)), replace(model, mix=mix)


def _zeros(usable: Sequence[str]) -> dict[str, float]:
    return {name: 0.0 for name in PARTS if name not in usable}


def fit_behaviour(
    events: Iterable[Event],
    settings: RecommendationSettings,
    content: Content | None = None,
    category_of: CategoryOf = lambda product: None,
    *,
    progress: bool = False,
) -> BehaviourModel:
    """The model to serve: learned from all events, with what was chosen on the last fifth of the purchases.

    Args:
        events: of all customers, in any order.
        settings: weights and thresholds.
        content: the catalogue's side; None leaves it out.
        category_of: gives the narrowest category of a product's id.
        progress: whether to show progress on standard error.

    Raises:
        RecommendationError: if there are no events.
    """
    ordered = in_order(events)
    if not any(event.type == "purchase" for event in ordered):
        return BehaviourModel.fit(ordered, settings, category_of, progress=progress)
    content = RememberedContent(content) if content is not None else None
    (start,) = moments(ordered, 1 - _HELD_BACK)
    tuned = tuned_model(split_at(ordered, start, None, content), settings, content, category_of, progress=progress)
    dimensions = tuned.factors.products.shape[1] if tuned.factors is not None else _DIMENSIONS[0]
    model = BehaviourModel.fit(ordered, settings, category_of, dimensions=dimensions, progress=progress)
    return replace(model, mix=tuned.mix)
