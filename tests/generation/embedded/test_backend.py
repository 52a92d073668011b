from dataclasses import replace

import pytest

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import GenerationRequest, create_backend
from shopllm_rasa.generation.embedded.backend import EmbeddedBackend, field_in_words
from shopllm_rasa.generation.embedded.generator import EmbeddedGenerator, GeneratedReply, ReplyRequest
from shopllm_rasa.generation.relevance import RankedSentence
from shopllm_rasa.retrieval import PassageHit
from shopllm_rasa.retrieval.knowledge import Passage
from shopllm_rasa.settings import Settings

SENTENCES = ("Shoes can be returned within 60 days of delivery.", "Items must be unworn.")
HIT = PassageHit(Passage("Returns", "Shoes", SENTENCES, "returns.md"), 0.8, (0.8, 0.4), 0.9)
OTHER = PassageHit(Passage("Delivery", "", ("Delivery to Norway costs €9.",), "delivery.md"), 0.3, (0.3,), 0.1)
REQUEST = GenerationRequest("How long can I return shoes?", (HIT, OTHER))


def reply(kind: str, confidence: float, text: str = "You can.", sentence: str = "You can.") -> GeneratedReply:
    return GeneratedReply(text, kind, confidence, 0.5, 3, (0,), (sentence,), 40)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def backend() -> EmbeddedBackend:
    made = create_backend(Settings(), "embedded")
    assert isinstance(made, EmbeddedBackend)
    return made


def test_the_shipped_model_answers_and_names_what_it_used(backend: EmbeddedBackend) -> None:
    draft = backend.answer(REQUEST)
    assert "60 days" in draft.text
    assert draft.used == (HIT,)
    assert draft.prompt_tokens > draft.completion_tokens > 3


def test_each_part_of_a_question_is_answered_from_its_own_sentences(backend: EmbeddedBackend) -> None:
    ranked = (
        (RankedSentence(HIT, 0, 9.0), RankedSentence(HIT, 1, 1.0), RankedSentence(OTHER, 0, 0.0)),
        (RankedSentence(OTHER, 0, 8.0), RankedSentence(HIT, 0, 1.0)),
    )
    request = replace(REQUEST, question="How long can I return shoes and what is delivery to Norway?", ranked=ranked)
    draft = backend.answer(request)
    assert "60 days" in draft.text
    assert "€9" in draft.text
    assert draft.used == (HIT, OTHER)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("Battery life: 60 hours.", "The battery life of the Drift Max is 60 hours."),
        ("Seats: 6 to 8.", "The seats of the Drift Max are 6 to 8."),
        ("USB ports: 2.", "The USB ports of the Drift Max are 2."),
        ("Induction: yes.", "Drift Max, induction: yes."),
        ("In stock (3 pieces): Drift Max.", "In stock (3 pieces): Drift Max."),
        ("It is light. Note: no cable.", "It is light. Note: no cable."),
    ],
)
def test_a_products_field_is_said_with_its_name(text: str, said: str) -> None:
    assert field_in_words("Drift Max", text) == said


@pytest.mark.parametrize(
    "unsure", [reply("answer", 0.01), reply("decline", 0.5), reply("ask", 0.5), reply("answer", 0.99, "You cannot.")]
)
def test_what_is_unsure_or_turned_round_is_left_to_the_next_backend(
    backend: EmbeddedBackend, unsure: GeneratedReply, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(EmbeddedGenerator, "replies", lambda *_, **__: [unsure])
    with pytest.raises(GenerationError):
        backend.answer(REQUEST)


def test_declining_and_asking_back_are_told_apart(backend: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EmbeddedGenerator, "replies", lambda *_, **__: [replace(reply("decline", 0.999), text="")])
    assert (backend.answer(REQUEST).kind, backend.answer(REQUEST).text) == ("decline", "")
    monkeypatch.setattr(EmbeddedGenerator, "replies", lambda *_, **__: [reply("ask", 0.999, "Do you mean A or B?")])
    assert backend.answer(REQUEST).kind == "clarify"


def test_an_unsure_yes_is_said_again_without_it(backend: EmbeddedBackend, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[list[bool]] = []

    def replies(self: EmbeddedGenerator, requests: list[ReplyRequest]) -> list[GeneratedReply]:
        asked.append([item.plain for item in requests])
        return [reply("answer", 0.9) if item.plain else reply("yes", 0.6, "Yes, you can.") for item in requests]

    monkeypatch.setattr(EmbeddedGenerator, "replies", replies)
    assert backend.answer(REQUEST).text == "You can."
    assert asked == [[False], [True]]
