import json
import logging
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.errors import GenerationError, SettingsError
from shopllm_rasa.generation.backends import GenerationRequest, create_backend
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
        assert create_backend(Settings()).name == "extractive"
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
