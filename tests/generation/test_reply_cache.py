from dataclasses import replace

import pytest

from shopllm_rasa.generation.backends import Draft, Exchange, GenerationRequest
from shopllm_rasa.generation.reply_cache import ReplyCache
from shopllm_rasa.retrieval import PassageHit
from shopllm_rasa.retrieval.knowledge import Passage

HIT = PassageHit(Passage("Returns", "", ("30 days.",), "returns.md"), 0.9, (0.9,), 1.0)
REQUEST = GenerationRequest("How long?", (HIT,))
DRAFT = Draft("30 days.", (HIT,))


def test_the_same_request_gets_the_kept_reply() -> None:
    cache = ReplyCache(2)
    assert cache.get("openai", REQUEST) is None
    cache.put("openai", REQUEST, DRAFT)
    assert cache.get("openai", replace(REQUEST, question="HOW long?")) == DRAFT


@pytest.mark.parametrize(
    "other",
    [
        replace(REQUEST, question="How much?"),
        replace(REQUEST, sentiment="negative"),
        replace(REQUEST, strict=True),
        replace(REQUEST, passages=(replace(HIT, passage=replace(HIT.passage, sentences=("31 days.",))),)),
    ],
)
def test_another_question_evidence_or_tone_does_not(other: GenerationRequest) -> None:
    cache = ReplyCache(2)
    cache.put("openai", REQUEST, DRAFT)
    assert cache.get("openai", other) is None
    assert cache.get("transformers", REQUEST) is None


@pytest.mark.parametrize(
    "request_",
    [replace(REQUEST, question="I am jane@example.com, how long?"), replace(REQUEST, history=(Exchange("Hi", "Hi"),))],
)
def test_personal_data_and_conversations_are_not_kept(request_: GenerationRequest) -> None:
    cache = ReplyCache(2)
    cache.put("openai", request_, DRAFT)
    assert cache.get("openai", request_) is None


def test_the_oldest_goes_first() -> None:
    cache = ReplyCache(2)
    requests = [replace(REQUEST, question=text) for text in ("a?", "b?", "c?")]
    for item in requests[:2]:
        cache.put("openai", item, DRAFT)
    cache.get("openai", requests[0])
    cache.put("openai", requests[2], DRAFT)
    assert [cache.get("openai", item) is not None for item in requests] == [True, False, True]


def test_no_size_keeps_nothing() -> None:
    cache = ReplyCache(0)
    cache.put("openai", REQUEST, DRAFT)
    assert cache.get("openai", REQUEST) is None
