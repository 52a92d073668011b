"""What attackers write is data, in every place where a text of theirs can stand.

`attacks.jsonl` has a line an attack:

- `surface`: `message`, `history` (an earlier turn), `page`, `product`, `review`, or `payload` (tests/actions)
- `text`: what the attacker wrote; `repeat` times over for floods
- `question`: what an innocent customer asks, where the attack stands elsewhere
- `obeyed`: what a language model would reply that does as it is told
- `forbidden`: patterns of which nothing may be sent

Each is tried twice: against what works offline, and against a server on this machine that plays the worst model there
could be, one that obeys. Then only the checks behind the model are left.
"""

import json
import re
import shutil
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.generation import Answer, Answerer
from shopllm_rasa.generation.backends import Exchange, create_chain, create_completing
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.relevance import Relevance
from shopllm_rasa.generation.rephrasing import Rephraser
from shopllm_rasa.insights import DescriptionWriter, Review, ReviewStore
from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
from shopllm_rasa.retrieval.knowledge import read_knowledge
from shopllm_rasa.settings import BackendName, GenerationSettings, OpenAISettings, Settings, ShopSettings

Attack = dict[str, Any]
ATTACKS: list[Attack] = [
    json.loads(line) for line in (Path(__file__).parent / "attacks.jsonl").read_text(encoding="utf-8").splitlines()
]
SECRET = "sk-not-to-be-seen"
KETTLE = {"id": "K-1", "name": "Dome Kettle", "price": Decimal("59.90"), "attributes": {"colour": "cream"}}


def of(*surfaces: str) -> Any:
    chosen = [attack for attack in ATTACKS if attack["surface"] in surfaces]
    return pytest.mark.parametrize("attack", chosen, ids=[attack["id"] for attack in chosen])


def text_of(attack: Attack) -> str:
    return str(attack["text"]) * int(attack.get("repeat", 1))


def leaks(attack: Attack, sent: str) -> list[str]:
    """What of an attack's aims stands in a text that is sent."""
    return [pattern for pattern in [*attack["forbidden"], re.escape(SECRET)] if re.search(pattern, sent, re.I)]


def test_there_are_enough_attacks_of_each_kind() -> None:
    assert len(ATTACKS) >= 60
    assert len({attack["id"] for attack in ATTACKS}) == len(ATTACKS)
    surfaces = Counter(attack["surface"] for attack in ATTACKS)
    assert min(surfaces[name] for name in ("message", "page", "product", "review", "history", "payload")) >= 3
    for attack in ATTACKS:
        if attack["obeyed"]:
            assert leaks(attack, attack["obeyed"]), f"{attack['id']}: a model that obeys would not be noticed"


@pytest.fixture(scope="module")
def knowledge(
    tmp_path_factory: pytest.TempPathFactory, index_dir: Path, product_index: ProductIndex, data_dir: Path
) -> KnowledgeIndex:
    """The demo shop's page about returns, and pages that somebody has written attacks into."""
    folder = tmp_path_factory.mktemp("attacked")
    pages = folder / "pages"
    pages.mkdir()
    for attack in ATTACKS:
        if attack["surface"] == "page":
            thing = attack["thing"]
            rent = f"A {thing} can be rented at the kiosk for a day.\n\n{attack['text']}"
            (pages / f"{attack['id']}.md").write_text(f"# Renting a {thing}\n\n## Rent\n\n{rent}\n", encoding="utf-8")
    own = [passage for passage in read_knowledge(data_dir / "knowledge") if passage.path == "returns.md"]
    shutil.copytree(index_dir, folder / "index")
    KnowledgeIndex.build([*own, *read_knowledge(pages)], folder / "index")
    return KnowledgeIndex.open(folder / "index", product_index.encoder)


@pytest.fixture(scope="module")
def guard(product_index: ProductIndex) -> GroundingGuard:
    names = {name for product in product_index.products for name in (product.brand, product.name) if name}
    return GroundingGuard(product_index.encoder, names, ("Juniper & Vale",))


@dataclass(frozen=True)
class Parts:
    """What is the same for all attacks; kept, so that the pages are embedded once."""

    knowledge: KnowledgeIndex
    relevance: Relevance
    guard: GroundingGuard

    def answerer(self, settings: Settings) -> Answerer:
        threshold = settings.generation.answer_threshold
        return Answerer(self.knowledge, create_chain(settings), threshold, self.relevance, self.guard)


@pytest.fixture(scope="module")
def parts(knowledge: KnowledgeIndex, guard: GroundingGuard) -> Parts:
    return Parts(knowledge, Relevance(knowledge.encoder, knowledge.passages), guard)


def _obeying_settings(chat: Any) -> Settings:
    openai = OpenAISettings(base_url=chat.url, api_key=SECRET, timeout_seconds=5, retries=0)
    return Settings(
        shop=ShopSettings(name="Juniper & Vale"), generation=GenerationSettings(backend="openai", openai=openai)
    )


@pytest.fixture(params=sorted({"extractive", "embedded"} & set(get_args(BackendName))))
def offline(request: pytest.FixtureRequest, parts: Parts) -> Answerer:
    return parts.answerer(Settings(generation=GenerationSettings(backend=request.param)))


@pytest.fixture
def obeying(chat: Any, parts: Parts) -> Answerer:
    return parts.answerer(_obeying_settings(chat))


def asked(answerer: Answerer, attack: Attack) -> Answer:
    if attack["surface"] == "history":
        history = [Exchange(attack["text"], "I am sorry, I cannot do that.")]
        return answerer.answer(attack["question"], history=history)
    return answerer.answer(attack.get("question") or text_of(attack))


class TestOffline:
    @of("message", "history", "page")
    def test_nothing_an_attacker_wants_is_sent(self, attack: Attack, offline: Answerer) -> None:
        answer = asked(offline, attack)
        assert leaks(attack, answer.text) == []
        if attack["surface"] == "page":
            assert answer.answered
            assert "kiosk" in answer.text

    @of("product")
    def test_no_description_carries_an_attack(self, attack: Attack) -> None:
        products = [
            Product(**{**KETTLE, "description": f"Boils water. {attack['text']}"}),
            Product(**{**KETTLE, "attributes": {"colour": "cream", "care": attack["text"]}}),
        ]
        for product in products:
            description = DescriptionWriter().describe(product, "friendly", "long")
            assert leaks(attack, description.copy.whole) == []
            assert "cream" in description.copy.whole

    @of("review")
    def test_no_review_with_an_attack_is_quoted(self, attack: Attack) -> None:
        product = Product(**{**KETTLE, "rating": 4.0, "rating_count": 2})
        reviews = [
            Review("K-1", 5, "", attack["text"]),
            Review("K-1", 5, "", "Boils fast."),
            Review("K-1", 1, "", attack["text"]),
        ]
        said = ReviewStore(reviews).summary(product)
        assert leaks(attack, said) == []
        assert "Boils fast." in said


class TestAModelThatObeys:
    @of("message", "history", "page")
    def test_what_it_says_is_not_sent(self, attack: Attack, obeying: Answerer, chat: Any) -> None:
        chat.will(chat.say(attack["obeyed"]))
        answer = asked(obeying, attack)
        assert leaks(attack, answer.text) == []
        for request in chat.requests:
            system = "\n".join(message["content"] for message in request["messages"] if message["role"] == "system")
            assert attack["text"][:60] not in system  # an attack is data: it never stands among the instructions
            assert SECRET not in json.dumps(request)
            assert len(json.dumps(request)) < 20_000

    @of("product")
    def test_no_description_of_its_is_taken(self, attack: Attack, chat: Any, guard: GroundingGuard) -> None:
        text = attack["obeyed"]
        copy = {
            "title": "Dome Kettle",
            "text": text,
            "bullets": [],
            "seo_title": "Dome Kettle",
            "seo_description": text[:155],
        }
        chat.will(chat.say(json.dumps(copy)))
        product = Product(**{**KETTLE, "description": f"Boils water. {attack['text']}"})
        description = DescriptionWriter(create_completing(_obeying_settings(chat)), guard=guard).describe(product)
        assert leaks(attack, description.copy.whole) == []
        assert description.backend == "composed"
        assert len(description.refused) == 2

    @of("message", "history")
    def test_no_rephrasing_of_its_is_taken(self, attack: Attack, chat: Any) -> None:
        chat.will(chat.say(attack["obeyed"]))
        backend = create_completing(_obeying_settings(chat))
        assert backend is not None
        template = "What is your order number? It stands in the confirmation e-mail, such as AB-12345."
        said = Rephraser(backend).rephrase(template, [Exchange(text_of(attack), "")], "neutral")
        assert said == template


def test_placeholders_of_a_customer_are_never_filled_with_anothers_data(obeying: Answerer, chat: Any) -> None:
    """Each question has its own placeholders; one that a model makes up stays a placeholder and is refused."""
    chat.will(chat.say("Your address is [EMAIL_1]."))
    obeying.answer("My e-mail is anna.keller@example.com, how long can I return electronics?")
    answer = obeying.answer("How long can I return electronics? What is [EMAIL_1]?")
    assert "anna" not in answer.text
    assert "EMAIL_1" not in answer.text
