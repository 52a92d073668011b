import json
import logging
from typing import Any

import pytest
from prometheus_client import REGISTRY

from shopllm_rasa.catalog import Product
from shopllm_rasa.generation import Answer, Answerer, Exchange, Source
from shopllm_rasa.generation.answerability import parts
from shopllm_rasa.generation.backends import Draft, GenerationRequest
from shopllm_rasa.generation.extractive import ExtractiveBackend
from shopllm_rasa.generation.gate import Gate
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.openai_compatible import OpenAICompatibleBackend
from shopllm_rasa.generation.relevance import Relevance
from shopllm_rasa.generation.reply_cache import ReplyCache
from shopllm_rasa.retrieval import KnowledgeIndex
from shopllm_rasa.settings import OpenAISettings

THRESHOLD = 0.5
QUESTION = "What is the return policy for electronic products?"
ELECTRONICS = Source("Returns", "Returning electronics", "returns.md", "/help/returns")
OFF_TOPIC = ["Who won the world cup?", "What is the capital of France?", "Tell me a joke about cats", "2 + 2?"]
UNANSWERABLE = ["What is the CEO's salary?", "Can I pay with monkeys?", "How tall is your shop assistant?"]


def answerer(knowledge: KnowledgeIndex, *backends: Any, threshold: float = THRESHOLD, **values: Any) -> Answerer:
    encoder = knowledge.encoder
    relevance = Relevance(encoder, knowledge.passages)
    guard = GroundingGuard(encoder, (), ("Juniper & Vale",))
    return Answerer(knowledge, [*backends, ExtractiveBackend()], threshold, relevance, guard, **values)


@pytest.fixture(scope="session")
def extractive(knowledge_index: KnowledgeIndex) -> Answerer:
    return answerer(knowledge_index)


def with_model(knowledge: KnowledgeIndex, chat: Any, threshold: float = THRESHOLD, **values: Any) -> Answerer:
    settings = OpenAISettings(**{"base_url": chat.url, "retries": 0, "timeout_seconds": 5, **values})
    return answerer(knowledge, OpenAICompatibleBackend(settings, "Vale"), threshold=threshold)


def words(answer: Answer) -> tuple[object, ...]:
    return (answer.text, answer.answered, answer.sources, answer.backend)


class TestExtractive:
    @pytest.mark.parametrize("question", [QUESTION, "waht is the retrun policy for electronics", QUESTION.upper()])
    def test_the_return_policy_for_electronics(self, extractive: Answerer, question: str) -> None:
        answer = extractive.answer(question)
        assert answer.answered
        assert answer.supported
        assert answer.backend == "extractive"
        assert answer.sources == (ELECTRONICS,)
        assert "Electronics can be returned within 30 days of delivery" in answer.text
        assert THRESHOLD <= answer.support <= 1
        assert answer.milliseconds > 0

    @pytest.mark.parametrize(
        ("question", "fact", "page"),
        [
            ("How much does a parcel return from the UK cost?", "€4.95", "returns.md"),
            ("How long can I return shoes?", "60 days", "returns.md"),
            ("Until when can I return Christmas gifts?", "31 January", "returns.md"),
        ],
    )
    def test_facts_of_the_pages(self, extractive: Answerer, question: str, fact: str, page: str) -> None:
        answer = extractive.answer(question)
        assert answer.answered
        assert fact in answer.text
        assert answer.sources[0].path == page

    @pytest.mark.parametrize("question", OFF_TOPIC)
    def test_off_topic_questions_are_declined(self, extractive: Answerer, question: str) -> None:
        answer = extractive.answer(question)
        assert (answer.answered, answer.text) == (False, "")
        assert answer.support < THRESHOLD

    @pytest.mark.parametrize("question", UNANSWERABLE)
    def test_questions_that_no_page_answers_are_declined(self, extractive: Answerer, question: str) -> None:
        answer = extractive.answer(question)
        assert (answer.answered, answer.text) == (False, "")
        assert len(answer.sources) <= 1

    @pytest.mark.parametrize("question", ["", "  \n ", "?", "\x00", "☕" * 300])
    def test_no_question(self, extractive: Answerer, question: str) -> None:
        answer = extractive.answer(question)
        assert (answer.answered, answer.text, answer.sources) == (False, "", ())

    def test_the_threshold_decides(self, knowledge_index: KnowledgeIndex) -> None:
        assert answerer(knowledge_index, threshold=0).answer(OFF_TOPIC[0]).answered
        strict = answerer(knowledge_index, threshold=0.999).answer(QUESTION)
        assert not strict.answered
        assert strict.sources == (ELECTRONICS,)

    def test_off_topic_questions_get_no_source(self, extractive: Answerer) -> None:
        assert extractive.answer(OFF_TOPIC[0]).sources == ()


class TestLanguageModel:
    def test_a_good_reply(self, knowledge_index: KnowledgeIndex, chat: Any) -> None:
        reply = "Electronics can be returned within 30 days of delivery in the original box."
        chat.will(chat.say(reply))
        answer = with_model(knowledge_index, chat).answer(QUESTION)
        assert (answer.text, answer.answered, answer.backend) == (reply, True, "openai")
        assert answer.supported
        assert ELECTRONICS in answer.sources

    def test_no_answer(self, knowledge_index: KnowledgeIndex, chat: Any) -> None:
        chat.will(chat.say("NO_ANSWER"))
        answer = with_model(knowledge_index, chat).answer(QUESTION)
        assert words(answer) == ("", False, (ELECTRONICS,), "openai")

    @pytest.mark.parametrize(
        "reply",
        [
            "You can return electronics within 45 days.",
            "You can return electronics within ninety days.",
            "Within 30 days, see https://evil.example/returns.",
            "Within 30 days, see www.evil.example.",
            "Within 30 days, write to help@evil.example.",
            "Within 30 days, for a fee of €12.50.",
        ],
    )
    def test_a_reply_with_an_invented_fact_is_not_sent(
        self, knowledge_index: KnowledgeIndex, chat: Any, extractive: Answerer, reply: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        chat.will(chat.say(reply))
        answer = with_model(knowledge_index, chat).answer(QUESTION)
        assert words(answer) == words(extractive.answer(QUESTION))
        assert answer.answered
        assert "reply not sent" in caplog.text
        assert reply not in caplog.text

    def test_too_many_requests_are_tried_again(self, knowledge_index: KnowledgeIndex, chat: Any) -> None:
        chat.will(chat.status(429), chat.say("Within 30 days of delivery."))
        answer = with_model(knowledge_index, chat, retries=1).answer(QUESTION)
        assert (answer.text, answer.backend) == ("Within 30 days of delivery.", "openai")
        assert len(chat.bodies) == 2

    @pytest.mark.parametrize(
        "failure", ["status_500", "hang", "drop", "drop_midway", "garbage", "huge", "drip", "refuse"]
    )
    def test_what_the_model_cannot_do_quoting_does(
        self, knowledge_index: KnowledgeIndex, chat: Any, extractive: Answerer, failure: str,
        caplog: pytest.LogCaptureFixture,
    ) -> None:  # fmt: skip
        replies = {
            "status_500": chat.status(500),
            "garbage": chat.send(b"<html>"),
            "huge": chat.say("x" * 1_500_000),
            "refuse": chat.status(401),
        }
        chat.will(replies.get(failure) or getattr(chat, failure))
        answer = with_model(knowledge_index, chat, timeout_seconds=0.5).answer(QUESTION)
        assert words(answer) == words(extractive.answer(QUESTION))
        assert answer.answered
        assert "Backend 'openai' gave no reply: " in caplog.text

    @pytest.mark.parametrize("question", [OFF_TOPIC[0], UNANSWERABLE[0], ""])
    def test_the_model_is_not_asked_what_no_page_answers(
        self, knowledge_index: KnowledgeIndex, chat: Any, question: str
    ) -> None:
        chat.will(chat.say("It was 42."))
        assert not with_model(knowledge_index, chat).answer(question).answered
        assert chat.bodies == []

    def test_a_number_of_the_question_is_no_evidence(self, knowledge_index: KnowledgeIndex, chat: Any) -> None:
        chat.will(chat.say("Yes, electronics can be returned within 90 days."))
        question = "Can electronic products be returned within 90 days under the return policy?"
        quoted = answerer(knowledge_index, threshold=0.0).answer(question)
        assert words(with_model(knowledge_index, chat, threshold=0.0).answer(question)) == words(quoted)
        assert quoted.answered

    def test_personal_data_stays_here_and_comes_back_in_the_reply(
        self, knowledge_index: KnowledgeIndex, chat: Any
    ) -> None:
        chat.will(chat.say("For [ORDER_1] it is 30 days, and we write to [EMAIL_1]."))
        question = "What is the return policy for electronics in order JV-17267? I am jane.doe@example.com."
        answer = with_model(knowledge_index, chat, threshold=0.0).answer(question)
        assert answer.text == "For JV-17267 it is 30 days, and we write to jane.doe@example.com."
        assert answer.answered
        assert answer.backend == "openai"
        for secret in ("JV-17267", "17267", "jane.doe", "example.com"):
            assert secret not in chat.bodies[0]

    def test_an_endless_question_is_cut(self, knowledge_index: KnowledgeIndex, chat: Any) -> None:
        chat.will(chat.say("Within 30 days."))
        assert with_model(knowledge_index, chat, threshold=0).answer(QUESTION + " please" * 20_000).answered
        sent = chat.requests[0]["messages"][1]["content"].split("Question: ")[1]
        assert sent.startswith(QUESTION)
        assert len(sent) <= 1_000

    def test_the_key_is_never_logged(
        self, knowledge_index: KnowledgeIndex, chat: Any, caplog: pytest.LogCaptureFixture
    ) -> None:
        key = "sk-very-secret-0123456789"
        caplog.set_level(logging.DEBUG)
        chat.will(chat.say("Within 30 days."), chat.status(500), chat.drop, chat.say("Within 77 days."))
        answering = with_model(knowledge_index, chat, api_key=key)
        for _ in range(4):
            assert answering.answer(QUESTION).answered
        assert chat.headers[0]["Authorization"] == f"Bearer {key}"
        assert caplog.records
        assert not any(key in str(record.__dict__) for record in caplog.records)


class TestChain:
    GOOD = "Electronics can be returned within 30 days of delivery."

    def test_a_refused_reply_is_asked_for_once_more_and_more_strictly(
        self, knowledge_index: KnowledgeIndex, chat: Any
    ) -> None:
        chat.will(chat.say("Within 77 days."), chat.say(self.GOOD))
        answer = with_model(knowledge_index, chat).answer(QUESTION)
        assert (answer.text, answer.backend) == (self.GOOD, "openai")
        assert [(item.backend, item.outcome, item.problems) for item in answer.attempts] == [
            ("openai", "refused", ("number",)),
            ("openai", "sent", ()),
        ]
        first, second = (request["messages"][0]["content"] for request in chat.requests)
        assert "A first reply was refused" not in first
        assert "A first reply was refused" in second

    def test_a_full_backend_is_passed_over(
        self, knowledge_index: KnowledgeIndex, chat: Any, extractive: Answerer
    ) -> None:
        gate = Gate(slots=1, waiting=0)
        backend = OpenAICompatibleBackend(OpenAISettings(base_url=chat.url), "Vale")
        with gate.entered("openai"):
            answer = answerer(knowledge_index, backend, gate=gate).answer(QUESTION)
        assert words(answer) == words(extractive.answer(QUESTION))
        assert chat.bodies == []

    def test_an_equal_question_is_answered_from_the_cache(self, knowledge_index: KnowledgeIndex, chat: Any) -> None:
        chat.will(chat.say(self.GOOD))
        backend = OpenAICompatibleBackend(OpenAISettings(base_url=chat.url), "Vale")
        answering = answerer(knowledge_index, backend, cache=ReplyCache(10))
        answers = [answering.answer(QUESTION) for _ in range(2)]
        assert [answer.text for answer in answers] == [self.GOOD] * 2
        assert [answer.cached for answer in answers] == [False, True]
        assert len(chat.bodies) == 1

    def test_a_reply_that_asks_back_is_sent_and_is_no_answer(self, knowledge_index: KnowledgeIndex) -> None:
        class Asking:
            name = "asking"

            def answer(self, request: GenerationRequest) -> Draft:
                return Draft("Which item do you mean?", request.passages, kind="clarify")

        answer = answerer(knowledge_index, Asking()).answer(QUESTION)
        assert (answer.text, answer.answered, answer.kind) == ("Which item do you mean?", False, "clarify")

    def test_tries_and_tokens_are_counted(self, knowledge_index: KnowledgeIndex, chat: Any) -> None:
        def counts() -> list[float]:
            samples = [
                ("shopllm_replies_total", {"backend": "openai", "outcome": "sent"}),
                ("shopllm_tokens_total", {"backend": "openai", "kind": "completion"}),
                ("shopllm_generation_seconds_count", {"backend": "openai"}),
            ]
            return [REGISTRY.get_sample_value(name, labels) or 0.0 for name, labels in samples]

        body = {
            "choices": [{"message": {"content": self.GOOD}}],
            "usage": {"prompt_tokens": 50, "completion_tokens": 9},
        }
        chat.will(chat.send(json.dumps(body).encode()))
        before = counts()
        answer = with_model(knowledge_index, chat).answer(QUESTION)
        assert (answer.prompt_tokens, answer.completion_tokens) == (50, 9)
        assert [after - was for after, was in zip(counts(), before, strict=True)] == [1, 9, 1]


class TestConversation:
    def test_a_follow_up(self, extractive: Answerer) -> None:
        history = [Exchange("How much is standard shipping in Ireland?", "It costs €4.95.")]
        answer = extractive.answer("And to France?", history=history)
        assert answer.question == "How much is standard shipping in France?"
        assert "€6.95" in answer.text

    def test_the_second_part_may_need_the_words_of_the_first(self) -> None:
        first, second = "What does the Express 3 cost", "how far can I extend its storage?"
        assert parts(f"{first} and {second}") == [(first,), (second, f"{first}: {second}")]
        assert parts(f"{first} and when does the Dublin store open?")[1] == ("when does the Dublin store open?",)

    def test_a_question_with_two_parts(self, extractive: Answerer) -> None:
        answer = extractive.answer("How long can I return shoes and what does the return cost from the UK?")
        assert "60 days" in answer.text
        assert "€4.95" in answer.text

    def test_facts_of_a_product(self, knowledge_index: KnowledgeIndex, some_products: list[Product]) -> None:
        product = next(item for item in some_products if item.id == "AUD-1187")
        answering = answerer(knowledge_index, find_products=lambda text: [product])
        answer = answering.answer("How long does the battery of the Sonavale Drift Max last?")
        assert "60 hours" in answer.text
        assert answer.sources[0].product_id == "AUD-1187"

    def test_the_record_is_ready_for_json(self, extractive: Answerer) -> None:
        record = json.loads(json.dumps(extractive.answer(QUESTION).record))
        assert record["supported"] is True
        assert record["backend"] == "extractive"
        assert any("30 days of delivery" in line for line in record["evidence"])
