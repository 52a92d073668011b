import json
import logging
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.errors import GenerationError, SettingsError
from shopllm_rasa.generation.backends import ChatMessage, Exchange, GenerationRequest, create_backend
from shopllm_rasa.generation.openai_compatible import OpenAICompatibleBackend
from shopllm_rasa.retrieval import PassageHit
from shopllm_rasa.settings import GenerationSettings, OpenAISettings, Settings, ShopSettings

KEY = "sk-very-secret-0123456789"
QUESTION = "How long can I return electronics?"


def backend(chat: Any, prompts: Path | None = None, **values: Any) -> OpenAICompatibleBackend:
    settings = {"base_url": chat.url, "model": "tiny", "retries": 0, "timeout_seconds": 5, "api_key": KEY, **values}
    return OpenAICompatibleBackend(OpenAISettings(**settings), "Vale", prompts)


def asked(question: str, hits: list[PassageHit]) -> GenerationRequest:
    return GenerationRequest(question, tuple(hits))


def problem(answering: OpenAICompatibleBackend, hits: list[PassageHit]) -> str:
    with pytest.raises(GenerationError) as caught:
        answering.answer(asked(QUESTION, hits))
    return str(caught.value)


class TestRequest:
    def test_what_is_sent(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("  Within 30 days.\n"))
        draft = backend(chat, max_tokens=77).answer(asked(QUESTION, electronics))
        assert draft.text == "Within 30 days."
        assert draft.used == tuple(electronics)
        assert chat.paths == ["/v1/chat/completions"]
        assert chat.headers[0]["Authorization"] == f"Bearer {KEY}"
        (request,) = chat.requests
        assert (request["model"], request["temperature"], request["max_tokens"]) == ("tiny", 0, 77)
        system, user = request["messages"]
        assert (system["role"], user["role"]) == ("system", "user")
        assert "customers of Vale" in system["content"]
        assert "NO_ANSWER" in system["content"]
        assert f"Question: {QUESTION}" in user["content"]
        for hit in electronics:
            assert hit.passage.source in user["content"]
            assert hit.passage.sentences[0] in user["content"]

    def test_without_a_key_no_header_is_sent(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("Yes."))
        backend(chat, api_key=None).answer(asked(QUESTION, electronics))
        assert "Authorization" not in chat.headers[0]

    def test_a_slash_at_the_end_of_the_address(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("Yes."))
        backend(chat, base_url=chat.url + "/").answer(asked(QUESTION, electronics))
        assert chat.paths == ["/v1/chat/completions"]

    def test_the_shop_s_own_prompt(self, chat: Any, electronics: list[PassageHit], tmp_path: Path) -> None:
        (tmp_path / "answer.v1.jinja").write_text("Be brief for {{ shop_name }}.")
        chat.will(chat.say("Yes."))
        backend(chat, tmp_path).answer(asked(QUESTION, electronics))
        assert chat.requests[0]["messages"][0]["content"] == "Be brief for Vale."


class TestPrivacy:
    SECRETS = (
        "jane.doe@example.com",
        "4111 1111 1111 1111",
        "IE29 AIBK 9311 5212 3456 78",
        "JV-17267",
        "#172670",
        "+353 85 123 4567",
        "48213",
    )

    def test_no_personal_data_crosses_the_wire(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("Noted."))
        question = "I am {}, card {}, account {}, order {} or {}, phone {}, order number {}".format(*self.SECRETS)
        backend(chat).answer(asked(question, electronics))
        sent = chat.bodies[0]
        for secret in self.SECRETS:
            assert secret not in sent
            assert secret not in json.loads(sent)["messages"][1]["content"]
        assert "[EMAIL_1]" in sent
        assert "[CARD_1]" in sent
        assert "[PHONE_1]" in sent

    def test_placeholders_are_put_back(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("We write to [EMAIL_1] about [ORDER_1]."))
        draft = backend(chat).answer(asked("Write to jane@example.com about JV-17267", electronics))
        assert draft.text == "We write to jane@example.com about JV-17267."

    @pytest.mark.parametrize("level", [logging.DEBUG, logging.WARNING])
    def test_neither_the_key_nor_the_question_is_logged(
        self, chat: Any, electronics: list[PassageHit], caplog: pytest.LogCaptureFixture, level: int
    ) -> None:
        caplog.set_level(level)
        chat.will(chat.say("Yes."), chat.status(401), chat.send(b"not json"), chat.drop)
        answering = backend(chat)
        answering.answer(asked("I am jane.doe@example.com", electronics))
        for _ in range(3):
            assert KEY not in problem(answering, electronics)
        assert KEY not in caplog.text
        assert not any(KEY in str(record.__dict__) for record in caplog.records)
        assert "jane.doe" not in caplog.text

    @pytest.mark.parametrize("key", [KEY + "\n", KEY + "\r\nX: y", KEY + "…", "“" + KEY])
    def test_a_key_that_no_header_can_hold_is_not_shown(
        self, chat: Any, electronics: list[PassageHit], key: str
    ) -> None:
        text = problem(backend(chat, api_key=key), electronics)
        assert text.startswith("The request cannot be sent: ")
        assert KEY not in text
        assert chat.bodies == []

    def test_a_redirect_is_not_followed(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.redirect(f"{chat.url}/elsewhere"))
        assert problem(backend(chat), electronics).endswith("refused the request: 307.")
        assert len(chat.bodies) == 1


class TestReplies:
    @pytest.mark.parametrize("text", ["NO_ANSWER", "NO_ANSWER.", " \nNO_ANSWER\n", "Sorry. NO_ANSWER"])
    def test_no_answer(self, chat: Any, electronics: list[PassageHit], text: str) -> None:
        chat.will(chat.say(text))
        draft = backend(chat).answer(asked(QUESTION, electronics))
        assert draft.text == ""
        assert draft.used == tuple(electronics)

    @pytest.mark.parametrize(
        "body",
        [
            b"",
            b"<html>Bad gateway</html>",
            b"\xff\xfe\x00",
            b"[]",
            b"null",
            b"{}",
            b'{"choices": []}',
            b'{"choices": [{}]}',
            b'{"choices": [{"message": null}]}',
            b'{"choices": "x"}',
            b'{"error": {"message": "overloaded"}}',
            b"[" * 100_000,
        ],
    )
    def test_garbage(self, chat: Any, electronics: list[PassageHit], body: bytes) -> None:
        chat.will(chat.send(body))
        assert problem(backend(chat), electronics) == "The server of the language model sent no chat completion."

    @pytest.mark.parametrize("content", ["", "  \n", None, 5, ["Yes."], {"text": "Yes."}])
    def test_a_reply_without_text(self, chat: Any, electronics: list[PassageHit], content: object) -> None:
        chat.will(chat.say(content))
        assert problem(backend(chat), electronics) == "The server of the language model sent an empty reply."

    def test_more_than_a_megabyte(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("x" * 1_100_000))
        assert problem(backend(chat), electronics) == "The server of the language model sent more than 1 MB."

    def test_a_body_without_end(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.flood)
        assert problem(backend(chat), electronics) == "The server of the language model sent more than 1 MB."

    def test_an_error_does_not_repeat_the_body(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.send(b'{"you wrote": "jane.doe@example.com"}'))
        assert "jane" not in problem(backend(chat), electronics)


class TestRetries:
    @pytest.mark.parametrize("code", [429, 500, 503])
    def test_a_passing_failure_is_tried_again(self, chat: Any, electronics: list[PassageHit], code: int) -> None:
        chat.will(chat.status(code), chat.say("Within 30 days."))
        assert backend(chat, retries=1).answer(asked(QUESTION, electronics)).text == "Within 30 days."
        assert len(chat.bodies) == 2

    @pytest.mark.parametrize("failure", ["drop", "drop_midway"])
    def test_a_lost_connection_is_tried_again(self, chat: Any, electronics: list[PassageHit], failure: str) -> None:
        chat.will(getattr(chat, failure), chat.say("Within 30 days."))
        assert backend(chat, retries=1).answer(asked(QUESTION, electronics)).text == "Within 30 days."
        assert len(chat.bodies) == 2

    def test_after_the_last_try_the_status_is_named(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.status(502))
        assert problem(backend(chat, retries=1), electronics) == "The server of the language model answered 502."
        assert len(chat.bodies) == 2

    @pytest.mark.parametrize("code", [400, 401, 404, 418])
    def test_a_refusal_is_final(self, chat: Any, electronics: list[PassageHit], code: int) -> None:
        chat.will(chat.status(code))
        text = problem(backend(chat, retries=3), electronics)
        assert text == f"The server of the language model refused the request: {code}."
        assert len(chat.bodies) == 1

    @pytest.mark.parametrize("failure", ["hang", "drop", "drop_midway"])
    def test_a_server_that_is_not_there(self, chat: Any, electronics: list[PassageHit], failure: str) -> None:
        chat.will(getattr(chat, failure))
        text = problem(backend(chat, timeout_seconds=0.3), electronics)
        assert text.startswith("The server of the language model was not reached (")

    def test_the_time_limit_holds_for_the_whole_reply(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.drip)
        text = problem(backend(chat, timeout_seconds=0.5), electronics)
        assert text == "The server of the language model took too long to send its reply."

    def test_a_closed_port(self, chat: Any, electronics: list[PassageHit]) -> None:
        answering = backend(chat, base_url="http://127.0.0.1:9/v1")
        assert "was not reached (ConnectionError)" in problem(answering, electronics)

    def test_an_address_that_is_none(self, chat: Any, electronics: list[PassageHit]) -> None:
        answering = backend(chat, base_url="http://[::1/v1")
        assert problem(answering, electronics).startswith("The request cannot be sent: ")


class TestCreateBackend:
    def test_by_name(self, chat: Any, electronics: list[PassageHit]) -> None:
        assert create_backend(Settings()).name == "embedded"
        settings = Settings(
            shop=ShopSettings(name="Vale"),
            generation=GenerationSettings(backend="openai", openai=OpenAISettings(base_url=chat.url)),
        )
        chat.will(chat.say("Within 30 days."))
        made = create_backend(settings)
        assert made.name == "openai"
        assert made.answer(asked(QUESTION, electronics)).text == "Within 30 days."
        assert "customers of Vale" in chat.bodies[0]

    def test_the_prompts_folder_is_relative_to_the_settings(self, tmp_path: Path) -> None:
        generation = GenerationSettings(backend="openai", prompts=Path("prompts"))
        with pytest.raises(SettingsError, match=f"the folder '{tmp_path / 'prompts'}' does not exist"):
            create_backend(Settings(generation=generation, folder=tmp_path))
        (tmp_path / "prompts").mkdir()
        create_backend(Settings(generation=generation, folder=tmp_path))


def events(*contents: str, usage: bool = True, done: bool = True) -> bytes:
    """A stream of server-sent events."""
    rows: list[Any] = [{"choices": [{"delta": {"role": "assistant"}}]}]
    rows += [{"choices": [{"delta": {"content": content}}]} for content in contents]
    rows += [{"choices": [], "usage": {"prompt_tokens": 11, "completion_tokens": 4}}] if usage else []
    text = "".join(f"data: {json.dumps(row)}\n\n" for row in rows) + ": a comment\n\n"
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


class TestStreaming:
    def test_the_pieces_are_joined(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.stream(events("Within ", "30", " days.")))
        draft = backend(chat).answer(asked(QUESTION, electronics))
        assert (draft.text, draft.prompt_tokens, draft.completion_tokens) == ("Within 30 days.", 11, 4)
        assert chat.requests[0]["stream"] is True

    def test_a_server_that_does_not_stream_is_understood(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("Within 30 days."))
        assert backend(chat).answer(asked(QUESTION, electronics)).text == "Within 30 days."

    def test_it_can_be_switched_off(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("Within 30 days."))
        backend(chat, stream=False).answer(asked(QUESTION, electronics))
        assert "stream" not in chat.requests[0]

    def test_half_a_reply_is_no_reply(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.stream(events("You can return it", usage=False, done=False)))
        assert "in the middle" in problem(backend(chat), electronics)

    @pytest.mark.parametrize("body", [b"data: <html>\n\n", b"data: [1]\n\n"])
    def test_garbage(self, chat: Any, electronics: list[PassageHit], body: bytes) -> None:
        chat.will(chat.stream(body))
        assert problem(backend(chat), electronics) == "The server of the language model sent no chat completion."

    def test_thoughts_are_not_sent(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("<think>The customer wants 90 days.</think>Within 30 days."))
        assert backend(chat).answer(asked(QUESTION, electronics)).text == "Within 30 days."


class TestPatience:
    def test_retry_after_is_honoured(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.status(429, {"Retry-After": "0.01"}), chat.say("Within 30 days."))
        assert backend(chat, retries=1).answer(asked(QUESTION, electronics)).text == "Within 30 days."

    def test_a_server_that_asks_for_more_time_than_there_is_is_not_asked_again(
        self, chat: Any, electronics: list[PassageHit]
    ) -> None:
        chat.will(chat.status(429, {"Retry-After": "3600"}))
        assert problem(backend(chat, retries=5), electronics) == "The server of the language model answered 429."
        assert len(chat.bodies) == 1

    def test_what_keeps_failing_is_left_alone(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.status(500))
        answering = backend(chat, breaker_failures=2)
        for _ in range(2):
            problem(answering, electronics)
        assert "left alone" in problem(answering, electronics)
        assert len(chat.bodies) == 2

    def test_the_strict_prompt(self, chat: Any, electronics: list[PassageHit]) -> None:
        chat.will(chat.say("Within 30 days."))
        backend(chat).answer(replace(asked(QUESTION, electronics), strict=True))
        assert "A first reply was refused" in chat.requests[0]["messages"][0]["content"]


PERSONAL = [
    ("My name is Siobhan O'Brien and I want a refund", "Siobhan O'Brien"),
    ("my name is jane doe, where is my parcel", "jane doe"),
    ("Hello, I'm Marek Nowak. How long can I return shoes?", "Marek Nowak"),
    ("This is Dr. Aoife Kelly speaking", "Aoife Kelly"),
    ("Dear Mr Schneider asked me to write", "Schneider"),
    ("How long can I return it? Thanks, Peter Müller", "Peter Müller"),
    ("mail me at jane.doe+shop@mail.example.com", "jane.doe+shop@mail.example.com"),
    ("mail me at jane [at] mail.example.com", "jane [at] mail.example.com"),
    ("call +353 (0)85 123 4567", "85 123 4567"),
    ("call 085-123-4567", "085-123-4567"),
    ("call 030/1234567", "030/1234567"),
    ("card 4111 1111 1111 1111 cvv 123", "4111 1111 1111 1111"),
    ("card 4111111111111111 cvv: 987", "987"),
    ("IBAN ie29 aibk 9311 5212 3456 78", "aibk 9311"),
    ("I live at 12 Rosewood Avenue, Cork", "12 Rosewood Avenue"),
    ("send it to 221B Baker Street, London please", "Baker Street"),
    ("send it to Lindenstraße 12, 10969 Berlin", "Lindenstraße 12"),
    ("send it to 14 rue de la Paix", "rue de la Paix"),
    ("my new address is Calle Mayor 5, Madrid", "Calle Mayor 5"),
    ("my postcode is SW1A 1AA", "SW1A 1AA"),
    ("my eircode is D02 X285", "D02 X285"),
    ("where is order JV-17267", "JV-17267"),
    ("where is my order number 4711", "4711"),
    ("tracking code is 1Z999AA10123456784", "1Z999AA10123456784"),
    ("invoice RE-2024-881", "RE-2024-881"),
    ("I was born on 12 March 1980", "12 March 1980"),
    ("my ip is 192.168.17.23", "192.168.17.23"),
]


@pytest.mark.parametrize(("text", "secret"), PERSONAL)
def test_personal_data_does_not_reach_the_server_and_comes_back(
    chat: Any, electronics: list[PassageHit], text: str, secret: str
) -> None:
    class Echo:
        """A model that repeats what it got: the last line of the last message."""

        def __call__(self, handler: Any) -> None:
            question = chat.requests[-1]["messages"][-1]["content"].split("Question: ")[-1]
            chat.say(question)(handler)

    chat.will(Echo())
    answering = backend(chat)
    history = (Exchange(text, f"You wrote: {text}"),)
    draft = answering.answer(replace(asked(text, electronics), history=history))
    assert secret not in chat.bodies[0]
    assert secret not in json.dumps(chat.requests[0], ensure_ascii=False)
    assert secret in draft.text
    completion = answering.complete([ChatMessage("system", "Write."), ChatMessage("user", text)], 20)
    assert secret not in json.dumps(chat.requests[1], ensure_ascii=False)
    assert completion.text
