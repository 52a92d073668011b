"""Recommends products: for a customer, like a product, and to go with one."""

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta, timezone

import numpy as np

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import SearchError
from shopllm_rasa.insights import AspectOpinions, ReviewStore, aspects_of
from shopllm_rasa.recommendation.behaviour import BehaviourModel
from shopllm_rasa.recommendation.content import IndexContent, in_stock, narrowest
from shopllm_rasa.recommendation.mix import WITHOUT_EVENTS
from shopllm_rasa.recommendation.ranking import PARTS, Ranker, diversified, trust
from shopllm_rasa.recommendation.reasons import (
    first_of,
    likeness_reason,
    own_past_reason,
    rating_reason,
    shop_reason,
)
from shopllm_rasa.recommendation.signals import History
from shopllm_rasa.retrieval import Filters, ProductIndex
from shopllm_rasa.retrieval.filters import attribute_pairs
from shopllm_rasa.retrieval.product_index import MAX_QUERY_CHARACTERS, MAX_RESULTS
from shopllm_rasa.settings import RecommendationSettings
from shopllm_rasa.shop import Event

# A list is chosen from this many.
_POOL = 60
# What the conversation showed is what it is about: this share of the mix goes to what is like it.
_SESSION_SHARE = 0.5
# Beside how well a product fits a wish in words: what customers think of it, and what suits the customer.
_QUALITY_SHARE, _PERSONAL_SHARE = 0.15, 0.15
# What a product loses of its fit to a wish when every review complains about what was asked for.
_COMPLAINT_SHARE = 0.5
# Shares in the likeness of two products, chosen by hand.
_LIKENESS = {"vector": 0.5, "category": 0.2, "attributes": 0.1, "price": 0.1, "customers": 0.1}
# Products of one kind in a list of what goes with another product, where no figures speak for each of them.
_OF_A_KIND = 2
_WEIGHT_DIGITS = 4


@dataclass(frozen=True)
class Recommendation:
    """A recommended product and the reason to tell the customer.

    Attributes:
        product: in stock.
        reason: true of the product, and of nobody but this customer or of many together.
        score: higher is better; comparable within one list.
        details: what the score is made of, for whoever looks after the shop; no customer is told.
    """

    product: Product
    reason: str
    score: float = 0.0
    details: Mapping[str, float] = field(default_factory=dict)


class Recommender:
    """Recommendations from the catalogue, from what all customers' events say, and from what reviews say.

    Without events it goes by the catalogue: vectors, attributes, prices, ratings.

    Example:
        >>> recommender = Recommender(ProductIndex.open("index"))
        >>> recommender.similar("KIT-1327", k=1)[0].reason
        'also Kettles, same brand, same price'
    """

    def __init__(
        self,
        index: ProductIndex,
        behaviour: BehaviourModel | None = None,
        reviews: ReviewStore | None = None,
        settings: RecommendationSettings | None = None,
    ) -> None:
        self._index = index
        self._behaviour = behaviour
        self._opinions = AspectOpinions(reviews) if reviews is not None else None
        self._settings = settings or RecommendationSettings()
        self._content = IndexContent(index)
        self._mix = behaviour.mix if behaviour is not None else WITHOUT_EVENTS

    def recommend(
        self,
        wish: str = "",
        viewed: Sequence[str] = (),
        events: Iterable[Event] = (),
        filters: Filters | None = None,
        k: int = 5,
        now: datetime | None = None,
    ) -> list[Recommendation]:
        """Recommends products for one customer.

        Args:
            wish: what the customer said they want; may be empty. Its first 2,000 characters count.
            viewed: ids of products looked at in this conversation, the latest first; not recommended again.
            events: what this customer did, and nobody else; empty where the customer is not known.
            filters: conditions from the conversation.
            k: how many.
            now: the time from which ages are counted, UTC without a zone; by default this moment.

        Returns:
            At most k recommendations that are in stock, best first; what is popular when nothing is known of the
            customer. What they bought in the last `hide_bought_days`, and what they disliked, is not among them.
        """
        wish = wish.strip()[:MAX_QUERY_CHARACTERS]
        moment = now or datetime.now(timezone.utc).replace(tzinfo=None)
        past = list(events)
        history = History.of(past, self._settings, moment, session=viewed)
        hidden = {*viewed, *self.recently_bought(past, moment)}
        hidden.update(item for item, weight in history.weights.items() if weight < 0)
        content = self._content.within(in_stock(filters))
        ranker = Ranker(self._behaviour, content)
        fits: dict[str, float] = {}
        if wish:
            hits = self._index.search(wish, min(_POOL + len(hidden), MAX_RESULTS), in_stock(filters))
            fits = {hit.product.id: hit.score for hit in hits}
            found: Iterable[str] = fits
        else:
            found = ranker.candidates(history)
        allowed = in_stock(filters)
        products = [
            product
            for item in found
            if item not in hidden and (product := self._index.get(item)) is not None and allowed.allow(product)
        ]
        ids = [product.id for product in products]
        parts = ranker.parts(history, ids)
        scores = ranker.scores(history, ids, self._mix.towards_content(_SESSION_SHARE) if viewed else self._mix)
        details = [dict(zip(PARTS, column.tolist(), strict=True)) for column in parts.T]
        complaints = self._complaints(wish, ids)
        if wish:
            best = max(fits.values(), default=0) or 1
            fit = np.array([fits[item] / best for item in ids], np.float32)
            quality = content.quality(ids)
            personal = _PERSONAL_SHARE * trust(history) * scores
            scores = fit - _COMPLAINT_SHARE * complaints + _QUALITY_SHARE * quality + personal
            for number, detail in enumerate(details):
                detail |= {"fit": float(fit[number]), "complaints": float(complaints[number])}
        chosen = self._chosen(scores, ids, k)
        return [
            Recommendation(
                products[place],
                self._reason(products[place], wish, history, bool(complaints[place])),
                float(scores[place]),
                _rounded(details[place]),
            )
            for place in chosen
        ]

    def recently_bought(self, events: Iterable[Event], now: datetime | None = None) -> set[str]:
        """Ids of what was bought in the last `hide_bought_days`, which is not recommended.

        Args:
            events: what one customer did.
            now: as for `recommend`.
        """
        moment = now or datetime.now(timezone.utc).replace(tzinfo=None)
        since = moment - timedelta(days=self._settings.hide_bought_days)
        return {event.product_id for event in events if event.type == "purchase" and event.time >= since}

    def similar(
        self, product_id: str, filters: Filters | None = None, k: int = 5, hidden: Iterable[str] = ()
    ) -> list[Recommendation]:
        """Recommends products like one product: near in meaning, kind, attributes and price, and to customers.

        Args:
            product_id: the product.
            filters: conditions of every result.
            k: how many.
            hidden: ids that are not shown.

        Raises:
            SearchError: if there is no such product.
        """
        anchor = self._product(product_id)
        conditions = in_stock(filters)
        near = self._content.within(conditions).near(self._content.vectors([anchor.id])[0], _POOL)
        products = self._allowed(near, conditions, {anchor.id, *hidden})
        own = self._neighbours(anchor.id)
        vectors = self._content.vectors([anchor.id, *(product.id for product in products)])
        cosines = (vectors[1:] @ vectors[0]).tolist()
        parts = [
            self._likeness(product, anchor, cosine, own) for product, cosine in zip(products, cosines, strict=True)
        ]
        scores = np.array([sum(_LIKENESS[name] * value for name, value in part.items()) for part in parts], np.float32)
        chosen = self._chosen(scores, [product.id for product in products], k)
        return [
            Recommendation(
                products[place], likeness_reason(products[place], anchor), float(scores[place]), _rounded(parts[place])
            )
            for place in chosen
        ]

    def goes_with(
        self, product_id: str, filters: Filters | None = None, k: int = 5, hidden: Iterable[str] = ()
    ) -> list[Recommendation]:
        """Recommends what to buy with one product.

        First what is often bought with it on one day; then the best of the categories that customers of its
        category buy, too; then what is near in meaning among the other categories of its department.

        Args:
            product_id: the product.
            filters: conditions of every result.
            k: how many.
            hidden: ids that are not shown.

        Raises:
            SearchError: if there is no such product.
        """
        anchor = self._product(product_id)
        conditions = in_stock(filters)
        hidden = {anchor.id, *hidden}
        found: dict[str, Recommendation] = {}
        partners = dict(self._behaviour.often_with(anchor.id)) if self._behaviour is not None else {}
        for product in self._allowed(partners, conditions, hidden):
            reason = f"often bought with {anchor.name}"
            found[product.id] = Recommendation(product, reason, 1.0, {"customers": float(partners[product.id])})
        category = narrowest(anchor)
        if category is not None:
            for item in self.goes_with_category(category, filters, k, {*hidden, *found}, near=anchor):
                found.setdefault(item.product.id, item)
        if len(found) < k and category is not None and len(anchor.categories) > 1:
            department = anchor.categories[-2]
            others = replace(
                conditions,
                categories=(department,),
                exclude_categories=(*conditions.exclude_categories, category),
            )
            if not filters or not filters.categories:
                near = self._content.within(others).near(self._content.vectors([anchor.id])[0], _POOL)
                kinds = Counter(narrowest(item.product) for item in found.values())
                for product in self._allowed(near, others, {*hidden, *found}):
                    kinds[narrowest(product)] += 1
                    if kinds[narrowest(product)] <= _OF_A_KIND:
                        found[product.id] = Recommendation(product, f"also from {department}")
        return list(found.values())[:k]

    def goes_with_category(
        self,
        category: str,
        filters: Filters | None = None,
        k: int = 5,
        hidden: Iterable[str] = (),
        near: Product | None = None,
    ) -> list[Recommendation]:
        """Recommends what customers who buy of one category buy of others.

        Args:
            category: a narrowest category.
            filters: conditions of every result; filters with categories leave nothing.
            k: how many.
            hidden: ids that are not shown.
            near: a product whose like is preferred; without it the best rated come first.
        """
        if self._behaviour is None or (filters is not None and filters.categories):
            return []
        hidden = set(hidden)
        kinds = []
        for other, customers in self._behaviour.often_with_category(category)[:k]:
            conditions = replace(in_stock(filters), categories=(other,))
            content = self._content.within(conditions)
            ids = content.near(self._content.vectors([near.id])[0], _POOL) if near else content.best(_POOL)
            products = self._allowed(ids, conditions, hidden)
            quality = content.quality([product.id for product in products])
            order = np.argsort(-(quality + self._closeness(products, near)), kind="stable")
            reason = f"customers who buy {category} often buy {other}, too"
            kinds.append(
                [
                    Recommendation(products[place], reason, float(quality[place]), {"customers": float(customers)})
                    for place in order[:_OF_A_KIND]
                ]
            )
        # One of each kind before a second one of any.
        turns = [items[turn] for turn in range(_OF_A_KIND) for items in kinds if turn < len(items)]
        return turns[:k]

    def _product(self, product_id: str) -> Product:
        product = self._index.get(product_id)
        if product is None:
            raise SearchError(f"There is no product with the id '{product_id[:80]}'.")
        return product

    def _allowed(self, ids: Iterable[str], conditions: Filters, hidden: set[str]) -> list[Product]:
        products = (self._index.get(item) for item in ids if item not in hidden)
        return [product for product in products if product is not None and conditions.allow(product)]

    def _chosen(self, scores: np.ndarray, ids: Sequence[str], k: int) -> list[int]:
        """Places of a varied list of the best."""
        best = np.argsort(-scores, kind="stable")[: max(_POOL, k)]
        vectors = self._content.vectors([ids[place] for place in best])
        top = max(float(scores.max()), 1e-9) if len(scores) else 1.0
        return [int(best[place]) for place in diversified(scores[best] / top, vectors, k, self._settings.diversity)]

    def _neighbours(self, product_id: str) -> dict[str, float]:
        """Products that the same customers care for, 0 to 1."""
        number = self._behaviour.number(product_id) if self._behaviour is not None else None
        if self._behaviour is None or number is None:
            return {}
        items, scores = self._behaviour.neighbours.of(number)
        best = float(scores.max()) if len(scores) else 1.0
        return {self._behaviour.products[item]: float(score / best) for item, score in zip(items, scores, strict=True)}

    def _closeness(self, products: Sequence[Product], anchor: Product | None) -> np.ndarray:
        """How well products match one in meaning ("a case for the Heron 7") and price, 0 to 1."""
        if anchor is None or not products:
            return np.zeros(len(products), np.float32)
        vectors = self._content.vectors([anchor.id, *(product.id for product in products)])
        prices = np.array([_price_nearness(product, anchor) for product in products], np.float32)
        return np.asarray(0.8 * np.maximum(vectors[1:] @ vectors[0], 0) + 0.2 * prices, np.float32)

    def _likeness(
        self, product: Product, anchor: Product, cosine: float, neighbours: Mapping[str, float]
    ) -> dict[str, float]:
        pairs, own = set(attribute_pairs(product.attributes)), set(attribute_pairs(anchor.attributes))
        return {
            "vector": max(0.0, cosine),
            "category": float(narrowest(product) is not None and narrowest(product) == narrowest(anchor)),
            "attributes": len(pairs & own) / max(1, len(pairs | own)),
            "price": _price_nearness(product, anchor),
            "customers": neighbours.get(product.id, 0.0),
        }

    def _complaints(self, wish: str, ids: Sequence[str]) -> np.ndarray:
        """Share of complaints about what the wish asks for, the worst of its aspects, float32 of shape (ids,)."""
        asked = aspects_of(wish)
        shares = np.zeros(len(ids), np.float32)
        if asked and self._opinions is not None:
            for place, item in enumerate(ids):
                opinions = self._opinions.of(item)
                shares[place] = max((opinions[name].complaint_share for name in asked if name in opinions), default=0.0)
        return shares

    def _reason(self, product: Product, wish: str, history: History, complained: bool) -> str:
        return first_of(
            (
                own_past_reason(product, history, self._index.get, self._behaviour),
                rating_reason(product),
                "fits what you asked for" if wish and not complained else "",
                shop_reason(product, self._behaviour, self._settings.min_customers),
            )
        )


def _price_nearness(product: Product, anchor: Product) -> float:
    """1 for the same price, a half for twice or half of it; 0 where prices cannot be compared."""
    if product.currency != anchor.currency or product.price <= 0 or anchor.price <= 0:
        return 0.0
    return float(math.exp(-abs(math.log(float(product.price / anchor.price)))))


def _rounded(values: Mapping[str, float]) -> dict[str, float]:
    return {name: round(value, _WEIGHT_DIGITS) for name, value in values.items()}
