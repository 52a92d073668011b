"""What turns a question and passages into a reply: one protocol, a class each, one registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from shopllm_rasa.errors import SettingsError
from shopllm_rasa.retrieval.knowledge_index import PassageHit
from shopllm_rasa.settings import Settings


@dataclass(frozen=True)
class Draft:
    """A reply before it is checked.

    Attributes:
        text: the reply; empty where the backend finds no answer in the passages.
        used: the passages the reply rests on, the most important first.
    """

    text: str
    used: tuple[PassageHit, ...]


class GenerationBackend(Protocol):
    """Composes a reply to a question from passages alone."""

    name: str

    def answer(self, question: str, passages: Sequence[PassageHit]) -> Draft:
        """Composes a reply.

        Args:
            question: what the customer asked.
            passages: what was retrieved, best first; never empty.

        Raises:
            GenerationError: if there is no usable reply; the caller falls back to `extractive`.
        """


def create_backend(settings: Settings) -> GenerationBackend:
    """Makes the backend the settings name.

    Raises:
        SettingsError: on an unknown name.
    """
    name = settings.generation.backend
    if name not in _BACKENDS:
        raise SettingsError(f"Unknown generation backend '{name}'. Known: {', '.join(_BACKENDS)}.")
    return _BACKENDS[name](settings)


def _extractive(settings: Settings) -> GenerationBackend:
    from shopllm_rasa.generation.extractive import ExtractiveBackend

    return ExtractiveBackend()


def _openai(settings: Settings) -> GenerationBackend:
    from shopllm_rasa.generation.openai_compatible import OpenAICompatibleBackend

    prompts = settings.generation.prompts
    folder = settings.resolve(prompts) if prompts else None
    return OpenAICompatibleBackend(settings.generation.openai, settings.shop.name, folder)


# A new backend is one module and one line here.
_BACKENDS: dict[str, Callable[[Settings], GenerationBackend]] = {"extractive": _extractive, "openai": _openai}
