"""A language model that says what a test wants it to say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.backends import ChatMessage, Completion, Draft, GenerationRequest


@dataclass
class ScriptedModel:
    """Stands for a model behind a network: replies with the script's texts in turn, the last one for ever.

    Attributes:
        script: texts, or errors to raise.
        prompts: what it was sent.
    """

    script: list[str | GenerationError]
    name: str = "openai"
    prompts: list[Sequence[ChatMessage]] = field(default_factory=list)

    def answer(self, request: GenerationRequest) -> Draft:
        raise AssertionError("a description is no answer")

    def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        self.prompts.append(messages)
        reply = self.script[min(len(self.prompts), len(self.script)) - 1]
        if isinstance(reply, GenerationError):
            raise reply
        return Completion(reply)


@pytest.fixture
def model() -> Callable[..., ScriptedModel]:
    return lambda *script: ScriptedModel(list(script))
