"""What turns a question and its evidence into a reply: one protocol, a class each, one registry."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import EncoderError, GenerationError, SettingsError
from shopllm_rasa.retrieval.knowledge_index import PassageHit
from shopllm_rasa.settings import Settings

if TYPE_CHECKING:
    from shopllm_rasa.generation.relevance import RankedSentence

LAST_RESORT = "extractive"
# They compose replies from passages and nothing else; not made only to find that out.
_WITHOUT_PROMPTS = ("embedded", LAST_RESORT)
DraftKind = Literal["answer", "decline", "clarify"]


@dataclass(frozen=True)
class Exchange:
    """An earlier turn of the conversation."""

    customer: str
    bot: str


@dataclass(frozen=True)
class GenerationRequest:
    """What a reply is composed from.

    Attributes:
        question: what the customer asked; where the conversation was needed to understand it, in full.
        passages: what was retrieved, best first; never empty. Facts of products are passages too, whose page is the
            product's name.
        products: the products the question is about.
        sentiment: positive, neutral or negative; sets the tone, never the facts.
        history: the last turns, oldest first; bounded by the caller. For the wording only: no evidence.
        strict: whether a first reply was refused by the guard; the second shall keep closer to the passages.
        ranked: for each part of the question the sentences of the passages, the fittest first.
    """

    question: str
    passages: tuple[PassageHit, ...]
    products: tuple[Product, ...] = ()
    sentiment: str = "neutral"
    history: tuple[Exchange, ...] = ()
    strict: bool = False
    ranked: "tuple[tuple[RankedSentence, ...], ...]" = ()


@dataclass(frozen=True)
class Draft:
    """A reply before it is checked.

    Attributes:
        text: the reply; empty where the backend finds no answer in the passages.
        used: the passages the reply rests on, the most important first.
        prompt_tokens: tokens read, 0 where nothing was generated or the server did not say.
        completion_tokens: tokens written, 0 likewise.
        kind: `answer`; `decline` where the passages do not answer; `clarify` where the reply asks back.
    """

    text: str
    used: tuple[PassageHit, ...]
    prompt_tokens: int = 0
    completion_tokens: int = 0
    kind: DraftKind = "answer"


@dataclass(frozen=True)
class ChatMessage:
    """One message of a prompt."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True)
class Completion:
    """What a model wrote to a free prompt, and the tokens it read and wrote."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0


class GenerationBackend(Protocol):
    """Composes a reply to a question from the evidence alone. Called from several threads at once."""

    name: str

    def answer(self, request: GenerationRequest) -> Draft:
        """Composes a reply.

        Raises:
            GenerationError: if there is no usable reply; the caller goes to the next backend.
        """


@runtime_checkable
class CompletingBackend(GenerationBackend, Protocol):
    """A backend that can follow any prompt, such as one for a product description."""

    def complete(self, messages: Sequence[ChatMessage], max_tokens: int) -> Completion:
        """Writes on from messages.

        Personal data in the messages does not leave the process: it is replaced and put back.

        Args:
            messages: a system message and a user message, as `Prompts.messages` renders them.
            max_tokens: upper limit of what is written.

        Raises:
            GenerationError: if there is no usable text.
        """


def create_backend(settings: Settings, name: str | None = None) -> GenerationBackend:
    """Makes a backend.

    Args:
        settings: what the backend reads its own section of.
        name: which one; by default the one that `generation.backend` names.

    Raises:
        SettingsError: on an unknown name, or settings that the backend cannot work with.
    """
    name = name or settings.generation.backend
    if name not in _BACKENDS:
        raise SettingsError(f"Unknown generation backend '{name}'. Known: {', '.join(_BACKENDS)}.")
    return _BACKENDS[name](settings)


def create_chain(settings: Settings) -> tuple[GenerationBackend, ...]:
    """Makes the backend the settings name and its fallbacks; the last is always `extractive`.

    Raises:
        SettingsError: as `create_backend`.
    """
    generation = settings.generation
    names = [*dict.fromkeys([generation.backend, *generation.fallbacks, LAST_RESORT])]
    return tuple(create_backend(settings, name) for name in names[: names.index(LAST_RESORT) + 1])


def may_complete(settings: Settings) -> bool:
    """Whether the settings name a backend that may follow free prompts; none is made to find out."""
    names = (settings.generation.backend, *settings.generation.fallbacks)
    return any(name not in _WITHOUT_PROMPTS for name in names)


def create_completing(settings: Settings) -> CompletingBackend | None:
    """Makes the first backend of the chain that follows free prompts; None where there is none.

    Raises:
        SettingsError: as `create_backend`.
    """
    for name in (settings.generation.backend, *settings.generation.fallbacks):
        if name not in _WITHOUT_PROMPTS:
            backend = create_backend(settings, name)
            if isinstance(backend, CompletingBackend):
                return backend
    return None


def _extractive(settings: Settings) -> GenerationBackend:
    from shopllm_rasa.generation.extractive import ExtractiveBackend

    return ExtractiveBackend()


def _embedded(settings: Settings) -> GenerationBackend:
    from shopllm_rasa.generation.embedded.backend import EmbeddedBackend

    embedded = settings.generation.embedded
    folder = settings.resolve(embedded.model) if embedded.model else None
    try:
        return EmbeddedBackend(folder, embedded.threads)
    except (EncoderError, GenerationError) as error:
        raise SettingsError(str(error)) from None


def _openai(settings: Settings) -> GenerationBackend:
    from shopllm_rasa.generation.openai_compatible import OpenAICompatibleBackend
    from shopllm_rasa.generation.privacy import Redactor

    shop = settings.shop
    redactor = Redactor((shop.email, shop.phone))
    return OpenAICompatibleBackend(settings.generation.openai, shop.name, _prompts(settings), redactor)


def _transformers(settings: Settings) -> GenerationBackend:
    from shopllm_rasa.generation.transformers_local import TransformersBackend

    return TransformersBackend(settings.generation.transformers, settings.shop.name, _prompts(settings))


def _prompts(settings: Settings) -> Path | None:
    prompts = settings.generation.prompts
    return settings.resolve(prompts) if prompts else None


# A new backend is one module and one line here, and its name in `settings.BackendName`.
_BACKENDS: dict[str, Callable[[Settings], GenerationBackend]] = {
    "embedded": _embedded,
    "extractive": _extractive,
    "openai": _openai,
    "transformers": _transformers,
}
