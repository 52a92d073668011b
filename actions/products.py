"""Actions about products: search, recommend, describe, compare, stock, price, reviews."""

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace

from actions.base import Reply, ShopAction, Turn, sorry
from actions.cards import product_cards
from shopllm_rasa.app import ShopApp
from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.facts import comparison_text, price_text, stock_text, with_price
from shopllm_rasa.errors import SearchError
from shopllm_rasa.recommendation import Recommendation, asked_kind, names_a_wish
from shopllm_rasa.retrieval import Filters
from shopllm_rasa.retrieval.product_search import SearchResult
from shopllm_rasa.retrieval.query_reading import ProductQuery
from shopllm_rasa.shop import Event

_RELAXED_WORDS = {
    "attributes": "all of those details",
    "rating": "ratings like that",
    "brand": "that brand",
    "price": "that price",
}
_SORTED_WORDS = {
    "price": "The cheapest first:",
    "-price": "The most expensive first:",
    "rating": "The best rated first:",
    "popularity": "What sells best first:",
}


class ActionSearchProducts(ShopAction):
    """Finds products that fit what the customer wrote."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_search_products"

    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Searches and shows cards."""
        try:
            result = app.search(app.read_query(turn.text, turn.mentions))
        except SearchError as error:
            return Reply(f"I cannot search for that: {error}")
        if not result.hits:
            return Reply(
                f"{sorry(turn)}I found nothing like that in our shop. Could you describe it in other words?",
                slots={"shown_products": [], "current_product": None},
            )
        return found_reply(result, turn)


def found_reply(result: SearchResult, turn: Turn, opening: str = "") -> Reply:
    """Shows what a search found and says what had to be given up for it."""
    count = len(result.hits)
    text = opening or ("Here is what I found:" if count > 1 else "I found one product:")
    if result.sort and count > 1 and not opening:
        text = _SORTED_WORDS[result.sort]
    given_up = [_RELAXED_WORDS[name] for name in result.relaxed if name in _RELAXED_WORDS]
    if given_up:
        text = f"I found nothing with {given_up[-1]}, but this comes close:"
    products = [hit.product for hit in result.hits]
    cards = product_cards([(product, "") for product in products], turn)
    return Reply(sorry(turn) + text, elements=cards, slots=shown(products))


class ActionRecommend(ShopAction):
    """Recommends what suits the customer, what is like a product, or what goes with one, as they ask."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_recommend"

    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Recommends with reasons."""
        query = app.read_query(turn.text, turn.mentions)
        kind = asked_kind(turn.text)
        if kind != "personal":
            about = app.references.resolve(turn.text, turn.mentions, turn.shown, turn.current)
            anchor = about[0] if about else app.products.get(turn.current or "")
            if anchor is not None:
                return self._about(app, turn, kind, anchor, query.filters)
            # "What goes with a grey sofa?" names a kind of product, not one of them.
            items = [
                item
                for mention in turn.mentions
                if kind == "goes_with" and mention.kind == "category"
                for item in app.recommender.goes_with_category(mention.value, k=app.settings.retrieval.products_shown)
            ]
            if items:
                return _recommended("These go well with it:", items[: app.settings.retrieval.products_shown], turn)
        return self._personal(app, turn, query)

    def _about(self, app: ShopApp, turn: Turn, kind: str, anchor: Product, filters: Filters) -> Reply:
        # What names the product is no condition on what is recommended; prices and stock are.
        limits = replace(filters, brands=(), categories=(), attributes={})
        recommend = app.recommender.goes_with if kind == "goes_with" else app.recommender.similar
        owned = app.recommender.recently_bought(_own_past(app, turn))
        items = recommend(anchor.id, limits, app.settings.retrieval.products_shown, owned)
        opening = f"To go with {anchor.name}:" if kind == "goes_with" else f"Like {anchor.name}:"
        if not items:
            return Reply(f"I have nothing in stock {'to go with' if kind == 'goes_with' else 'like'} {anchor.name}.")
        return _recommended(opening, items, turn)

    def _personal(self, app: ShopApp, turn: Turn, query: ProductQuery) -> Reply:
        wanted = names_a_wish(turn.text)
        viewed = [item for item in [turn.current, *turn.shown] if item]
        # With a list on the table and no new subject, "recommend one" means: one like these.
        items = app.recommender.recommend(
            query.text if wanted else "",
            viewed if not wanted else (),
            _own_past(app, turn),
            query.filters,
            app.settings.retrieval.products_shown,
        )
        if not items:
            return Reply("I have nothing that fits those limits. Shall I look with a higher price?")
        return _recommended("These I would recommend:", items, turn)


def _own_past(app: ShopApp, turn: Turn) -> Sequence[Event]:
    """What the customer did, who is known once they named one of their orders with its e-mail address."""
    verified = turn.slots.get("verified_order")
    customer = app.store.customer_of(verified, str(turn.slots.get("email") or "")) if verified else None
    return app.events.of_customer(customer) if customer else ()


def _recommended(opening: str, items: Sequence[Recommendation], turn: Turn) -> Reply:
    cards = product_cards([(item.product, item.reason) for item in items], turn)
    return Reply(opening, elements=cards, slots=shown([item.product for item in items]))


class _AboutProducts(ShopAction):
    """Resolves which products are meant, then speaks about them."""

    at_least = 1
    question = "Which product do you mean? Tell me its name, or its number in the list."

    def reply(self, app: ShopApp, turn: Turn) -> Reply:
        """Resolves the reference or asks back."""
        products = app.references.resolve(turn.text, turn.mentions, turn.shown, turn.current)
        if len(products) < self.at_least:
            return self.unresolved(app, turn, products)
        return Reply(sorry(turn) + self.speak(app, products), slots={"current_product": products[0].id})

    @abstractmethod
    def speak(self, app: ShopApp, products: Sequence[Product]) -> str:
        """Says something of the products."""

    def unresolved(self, app: ShopApp, turn: Turn, products: Sequence[Product]) -> Reply:
        """Searches when the customer named a kind of product, else asks which one is meant."""
        named = any(m.kind in ("brand", "category", "attribute") for m in turn.mentions)
        if named:
            result = app.search(app.read_query(turn.text, turn.mentions))
            if result.hits:
                return found_reply(result, turn, "Which of these do you mean?")
        return Reply(self.question)


class ActionDescribeProduct(_AboutProducts):
    """Describes a product."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_describe_product"

    def speak(self, app: ShopApp, products: Sequence[Product]) -> str:
        """Describes the first product meant."""
        product = products[0]
        copy = app.describer.describe(product, length="long").copy
        return with_price(product, copy.text, copy.bullets)


class ActionCheckAvailability(_AboutProducts):
    """Says whether products are in stock."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_check_availability"

    def speak(self, app: ShopApp, products: Sequence[Product]) -> str:
        """Gives the stock of each product meant."""
        return "\n".join(stock_text(product) for product in products)


class ActionProductPrice(_AboutProducts):
    """Says what products cost."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_product_price"

    def speak(self, app: ShopApp, products: Sequence[Product]) -> str:
        """Gives the price of each product meant."""
        return "\n".join(price_text(product) for product in products)


class ActionProductReviews(_AboutProducts):
    """Says what customers think of a product."""

    def name(self) -> str:
        """The name in the domain."""
        return "action_product_reviews"

    def speak(self, app: ShopApp, products: Sequence[Product]) -> str:
        """Sums up the reviews of the first product meant."""
        return app.reviews.summary(products[0])


class ActionCompareProducts(_AboutProducts):
    """Compares products side by side."""

    at_least = 2
    question = "Which two shall I compare? You can say “compare the first and the second”."

    def name(self) -> str:
        """The name in the domain."""
        return "action_compare_products"

    def speak(self, app: ShopApp, products: Sequence[Product]) -> str:
        """Compares all products meant."""
        return comparison_text(products)

    def unresolved(self, app: ShopApp, turn: Turn, products: Sequence[Product]) -> Reply:
        """One product named and another spoken of before are a pair, too."""
        current = app.products.get(turn.current) if turn.current else None
        if len(products) == 1 and current and current.id != products[0].id:
            return Reply(comparison_text([current, products[0]]), slots={"current_product": products[0].id})
        if not products and not any(m.kind == "ordinal" for m in turn.mentions) and len(turn.shown) >= 2:
            first_two = [product for item in turn.shown[:2] if (product := app.products.get(item))]
            if len(first_two) == 2:
                return Reply(comparison_text(first_two), slots={"current_product": first_two[0].id})
        return super().unresolved(app, turn, products)


def shown(products: Sequence[Product]) -> dict[str, object]:
    """The slots that let "the second one" and "it" be understood later."""
    return {
        "shown_products": [product.id for product in products],
        "current_product": products[0].id if len(products) == 1 else None,
    }
