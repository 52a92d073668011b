"""Puts the capabilities together from the settings; the doors ask here."""

import logging
from collections.abc import Sequence
from functools import cached_property

from shopllm_rasa.catalog import Product
from shopllm_rasa.catalog.mentions import Mention, MentionFinder
from shopllm_rasa.catalog.vocabulary import Vocabulary
from shopllm_rasa.errors import RecommendationError
from shopllm_rasa.generation import Answerer
from shopllm_rasa.generation.backends import CompletingBackend, GenerationBackend, create_chain, may_complete
from shopllm_rasa.generation.gate import Gate
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.prompts import Prompts
from shopllm_rasa.generation.relevance import Relevance
from shopllm_rasa.generation.reply_cache import ReplyCache
from shopllm_rasa.insights import DescriptionWriter, ReviewStore
from shopllm_rasa.recommendation import BehaviourModel, Recommender, narrowest
from shopllm_rasa.retrieval import Filters, KnowledgeIndex, ProductIndex
from shopllm_rasa.retrieval.product_search import SearchResult, search_products
from shopllm_rasa.retrieval.query_reading import ProductQuery
from shopllm_rasa.retrieval.references import ReferenceResolver
from shopllm_rasa.retrieval.reranker import Reranker
from shopllm_rasa.settings import Settings
from shopllm_rasa.shop import EventStore, ShopStore

logger = logging.getLogger(__name__)

# What a new index changes nothing of.
_BESIDE_THE_INDEX = ("backends", "store", "events", "reranker", "reviews")


class ShopApp:
    """One shop's capabilities, each opened when it is first asked for.

    Example:
        >>> app = ShopApp(Settings.load("shopllm.yml"))
        >>> app.answerer.answer("What is the return policy for electronic products?").answered
        True
    """

    def __init__(self, settings: Settings, earlier: "ShopApp | None" = None) -> None:
        """Takes the settings, and an app of the same settings whose parts beside the index are used on."""
        self.settings = settings
        for name in _BESIDE_THE_INDEX:
            if earlier is not None and name in vars(earlier):
                vars(self)[name] = vars(earlier)[name]

    def open(self) -> None:
        """Opens everything now rather than when it is asked for.

        Raises:
            ShopLLMError: if something of it cannot be opened.
        """
        _ = (
            self.products,
            self.knowledge,
            self.mentions,
            self.answerer,
            self.recommender,
            self.references,
            self.reranker,
            self.reviews,
            self.store,
            self.events,
        )

    @cached_property
    def products(self) -> ProductIndex:
        """The product index."""
        encoder = self.settings.encoder
        return ProductIndex.open(
            self.settings.index_dir, model=encoder.model, threads=encoder.threads, vectors=self.settings.vectors
        )

    @cached_property
    def knowledge(self) -> KnowledgeIndex:
        """The knowledge pages, on the encoder of the products."""
        return KnowledgeIndex.open(self.settings.index_dir, self.products.encoder)

    @cached_property
    def mentions(self) -> MentionFinder:
        """Finds what of the catalogue a text mentions."""
        return MentionFinder(Vocabulary.of(self.products.products))

    @cached_property
    def backends(self) -> tuple[GenerationBackend, ...]:
        """What composes replies: the settings' backend and its fallbacks."""
        return create_chain(self.settings)

    @cached_property
    def relevance(self) -> Relevance:
        """Finds which sentences answer a question, and whether any does."""
        return Relevance(self.products.encoder, self.knowledge.passages)

    def products_named(self, text: str) -> list[Product]:
        """The products that a text names, wholly or in part."""
        return self.references.resolve(text, self.mentions.find(text))

    @cached_property
    def answerer(self) -> Answerer:
        """Answers questions from the pages."""
        generation = self.settings.generation
        return Answerer(
            self.knowledge,
            self.backends,
            generation.answer_threshold,
            self.relevance,
            self.guard,
            self.settings.retrieval.passages,
            self.products_named,
            Gate(generation.concurrency, generation.waiting, generation.wait_seconds),
            ReplyCache(generation.cached_replies),
        )

    @cached_property
    def guard(self) -> GroundingGuard:
        """Checks what is generated against what it was generated from."""
        products = self.products.products
        names = {name for product in products for name in (product.brand, product.name) if name}
        return GroundingGuard(self.products.encoder, names, (self.settings.shop.name,))

    @cached_property
    def recommender(self) -> Recommender:
        """Recommends products."""
        return self._make_recommender()

    def renew_recommender(self) -> None:
        """Takes what was newly learned from events into use; a recommendation that is under way ends on the old."""
        vars(self)["recommender"] = self._make_recommender()

    def _make_recommender(self) -> Recommender:
        file = self.settings.behaviour_file
        behaviour = None
        if file.is_file():
            try:
                behaviour = BehaviourModel.load(file)
            except RecommendationError as error:
                logger.warning("Recommendations go by the catalogue alone: %s", error)
        return Recommender(self.products, behaviour, self.reviews, self.settings.recommendation)

    @cached_property
    def events(self) -> EventStore:
        """What customers did."""
        return EventStore(self.settings.database_url)

    def category_of(self, product_id: str) -> str | None:
        """The narrowest category of a product, None where there is none."""
        product = self.products.get(product_id)
        return narrowest(product) if product is not None else None

    @cached_property
    def store(self) -> ShopStore:
        """Customers and orders."""
        return ShopStore(self.settings.database_url)

    @cached_property
    def references(self) -> ReferenceResolver:
        """Finds which products a customer means."""
        return ReferenceResolver(self.products)

    @cached_property
    def reviews(self) -> ReviewStore:
        """The customers' reviews."""
        file = self.settings.paths.reviews
        return ReviewStore.read(self.settings.resolve(file) if file else None)

    @cached_property
    def describer(self) -> DescriptionWriter:
        """Describes products: with the model of the settings if it follows prompts, else from their data alone."""
        prompts = self.settings.generation.prompts
        backends = self.backends if may_complete(self.settings) else ()
        backend = next((item for item in backends if isinstance(item, CompletingBackend)), None)
        # A feed can be described before there is an index; then the guard goes without encoder and names.
        indexed = backend is not None and self.settings.index_dir.is_dir()
        return DescriptionWriter(
            backend,
            Prompts(self.settings.resolve(prompts) if prompts else None),
            self.guard if indexed else None,
        )

    @cached_property
    def reranker(self) -> Reranker | None:
        """Reads the best products again, where the settings name a model for it."""
        model = self.settings.retrieval.reranker
        return Reranker(model) if model else None

    def read_query(self, text: str, mentions: Sequence[Mention] | None = None) -> ProductQuery:
        """Parts a text into words, limits and an order; what it mentions is looked for where it is not known yet."""
        return self.products.reader.read(text, mentions)

    def search(self, query: ProductQuery, k: int | None = None, fixed: Filters | None = None) -> SearchResult:
        """Searches with the settings' limits; what was read is given up where nothing fits, `fixed` is not."""
        retrieval = self.settings.retrieval
        return search_products(
            self.products,
            query,
            k or retrieval.products_shown,
            retrieval.min_product_score,
            fixed,
            self.reranker,
        )
