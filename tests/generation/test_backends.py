import json
from typing import Any

import pytest

from shopllm_rasa.generation.backends import (
    ChatMessage,
    CompletingBackend,
    create_backend,
    create_chain,
)
from shopllm_rasa.settings import GenerationSettings, OpenAISettings, Settings


@pytest.mark.parametrize(
    ("values", "names"),
    [
        ({}, ["embedded", "extractive"]),
        ({"backend": "extractive"}, ["extractive"]),
        ({"backend": "openai"}, ["openai", "extractive"]),
        ({"backend": "openai", "fallbacks": ("openai", "extractive")}, ["openai", "extractive"]),
        ({"backend": "extractive", "fallbacks": ("openai",)}, ["extractive"]),
    ],
)
def test_a_chain_ends_with_quoting_and_names_nothing_twice(values: dict[str, Any], names: list[str]) -> None:
    chain = create_chain(Settings(generation=GenerationSettings(**values)))
    assert [backend.name for backend in chain] == names


def test_which_backends_follow_a_free_prompt(chat: Any) -> None:
    settings = Settings(generation=GenerationSettings(openai=OpenAISettings(base_url=chat.url)))
    assert not isinstance(create_backend(settings, "extractive"), CompletingBackend)
    backend = create_backend(settings, "openai")
    assert isinstance(backend, CompletingBackend)
    usage = {"prompt_tokens": 9, "completion_tokens": 3}
    body = {"choices": [{"message": {"content": "Dear [EMAIL_1]!"}}], "usage": usage}
    chat.will(chat.send(json.dumps(body).encode()))
    completion = backend.complete([ChatMessage("system", "Write."), ChatMessage("user", "To jane@example.com")], 50)
    assert (completion.text, completion.prompt_tokens, completion.completion_tokens) == ("Dear jane@example.com!", 9, 3)
    (sent,) = chat.requests
    assert sent["max_tokens"] == 50
    assert sent["messages"] == [
        {"role": "system", "content": "Write."},
        {"role": "user", "content": "To [EMAIL_1]"},
    ]
