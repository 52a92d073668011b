"""The backend on real models, made here: small, random, and so of no sense; what is tested is that they write."""

import threading
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.errors import GenerationError, SettingsError
from shopllm_rasa.generation import Answerer
from shopllm_rasa.generation.backends import ChatMessage, CompletingBackend, GenerationRequest, create_backend
from shopllm_rasa.generation.extractive import ExtractiveBackend
from shopllm_rasa.generation.guard import GroundingGuard
from shopllm_rasa.generation.relevance import Relevance
from shopllm_rasa.generation.transformers_local import TransformersBackend
from shopllm_rasa.retrieval import KnowledgeIndex, PassageHit
from shopllm_rasa.settings import GenerationSettings, Settings, TransformersSettings

MESSAGES = [ChatMessage("system", "Answer."), ChatMessage("user", "How long can I return shoes?")]


def backend(model: Path, **values: Any) -> TransformersBackend:
    settings = {"model": str(model), "device": "cpu", "max_tokens": 16, "timeout_seconds": 100, **values}
    return TransformersBackend(TransformersSettings(**settings), "Vale")


@pytest.mark.parametrize("kind", ["causal", "seq2seq"])
def test_it_writes(kind: str, request: pytest.FixtureRequest, electronics: list[PassageHit]) -> None:
    answering = backend(request.getfixturevalue(kind))
    assert isinstance(answering, CompletingBackend)
    draft = answering.answer(GenerationRequest("How long can I return electronics?", tuple(electronics)))
    assert draft.used == tuple(electronics)
    assert draft.prompt_tokens > 100
    assert draft.completion_tokens <= 16


def test_the_chat_template_is_used_where_there_is_one(causal: Path, seq2seq: Path) -> None:
    asked = MESSAGES[1].content
    assert backend(causal)._prompt(MESSAGES) == f"<system>Answer.</s><user>{asked}</s><bot>"
    assert backend(seq2seq)._prompt(MESSAGES) == f"Answer.\n\n{asked}\n\nAnswer:"


def test_a_template_without_system_messages(causal: Path) -> None:
    answering = backend(causal)
    refusing = "{% if m.role == 'system' %}{{ raise_exception('no') }}{% endif %}"
    answering._tokenizer.chat_template = "{% for m in messages %}" + refusing + "[{{ m.content }}]{% endfor %}"
    assert answering._prompt(MESSAGES) == f"[Answer.\n\n{MESSAGES[1].content}]"


def test_waiting_requests_are_computed_together_and_get_the_same_text_as_alone(causal: Path) -> None:
    answering = backend(causal, batch_size=4)
    texts = [f"How long can I return {thing}?" for thing in ("shoes", "a very large garden table", "it", "a sofa")]
    alone = [answering.complete([ChatMessage("user", text)], 16).text for text in texts]
    sizes: list[int] = []
    generate = answering._generate
    answering._generate = lambda jobs: (sizes.append(len(jobs)), generate(jobs))[1]  # type: ignore[method-assign]
    found: dict[str, str] = {}

    def ask(text: str) -> None:
        found[text] = answering.complete([ChatMessage("user", text)], 16).text

    threads = [threading.Thread(target=ask, args=(text,)) for text in texts]
    with answering._news:  # nothing is computed before all wait
        for thread in threads:
            thread.start()
    for thread in threads:
        thread.join()
    assert sum(sizes) == len(texts)
    assert max(sizes) <= 4
    assert [found[text] for text in texts] == alone


def test_eight_bit_weights(causal: Path) -> None:
    assert backend(causal, quantization="int8").complete(MESSAGES, 16).prompt_tokens > 0


def test_a_prompt_that_is_too_long(causal: Path) -> None:
    with pytest.raises(GenerationError, match="more than the model reads"):
        backend(causal, max_prompt_tokens=128).complete([ChatMessage("user", "shoes? " * 500)], 16)


def test_the_time_limit_ends_the_writing(causal: Path) -> None:
    answering = backend(causal, timeout_seconds=0.001)
    with pytest.raises(GenerationError, match="too long"):
        answering.complete([ChatMessage("user", "shoes? " * 300)], 500)


def test_nonsense_is_not_sent(causal: Path, knowledge_index: KnowledgeIndex) -> None:
    encoder = knowledge_index.encoder
    relevance = Relevance(encoder, knowledge_index.passages)
    chain = [backend(causal), ExtractiveBackend()]
    answerer = Answerer(knowledge_index, chain, 0.3, relevance, GroundingGuard(encoder))
    answer = answerer.answer("What is the return policy for electronic products?")
    assert answer.answered
    assert answer.backend == "extractive"
    assert "30 days" in answer.text
    tried = [item.outcome for item in answer.attempts if item.backend == "transformers"]
    assert tried in (["refused", "refused"], ["failed"])


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"model": "no/such-model"}, "cannot be loaded"),
        ({"device": "cuda"}, "'cuda' is not there"),
        ({"quantization": "int4"}, "needs a GPU"),
    ],
)
def test_what_cannot_be_loaded_is_told_at_the_start(causal: Path, values: dict[str, str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        backend(**{"model": causal, **values})  # type: ignore[arg-type]


def test_pickled_weights_are_refused(causal: Path, tmp_path: Path) -> None:
    import shutil

    import torch
    from transformers import AutoModelForCausalLM

    folder = Path(shutil.copytree(causal, tmp_path / "model"))
    weights = AutoModelForCausalLM.from_pretrained(folder).state_dict()
    (folder / "model.safetensors").unlink()
    torch.save(weights, folder / "pytorch_model.bin")
    with pytest.raises(SettingsError, match="cannot be loaded"):
        backend(folder)


def test_by_name(causal: Path) -> None:
    generation = GenerationSettings(backend="transformers", transformers=TransformersSettings(model=str(causal)))
    assert create_backend(Settings(generation=generation)).name == "transformers"
