"""The shipped model: what holds whatever it is asked."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shopllm_rasa.errors import GenerationError
from shopllm_rasa.generation.embedded import EmbeddedGenerator
from shopllm_rasa.generation.embedded.generator import MAX_UNITS, ReplyRequest, ScoredPassage
from shopllm_rasa.generation.embedded.weights import MODEL_FOLDER

RETURNS = "Shoes can be returned within 60 days of delivery."
SHIPPING = "Standard shipping to Norway costs €14.50 and takes 4 to 6 working days."
REFUNDS = "Refunds are paid within 9 working days after the parcel reaches our warehouse."


@pytest.fixture(scope="module")
def generator() -> EmbeddedGenerator:
    return EmbeddedGenerator.load(threads=1)


def test_the_fact_that_was_asked_for_is_in_the_reply(generator: EmbeddedGenerator) -> None:
    passages = [RETURNS, SHIPPING, REFUNDS]
    assert "60 days" in generator.reply("How long do I have to return shoes?", passages).text
    assert "€14.50" in generator.reply("how much is shipping to norway", passages).text
    assert "9 working days" in generator.reply("When do I get my refund?", passages).text


def test_the_same_question_gets_the_same_reply_alone_or_in_a_batch(generator: EmbeddedGenerator) -> None:
    requests = [
        ReplyRequest("How long do I have to return shoes?", [RETURNS, SHIPPING]),
        ReplyRequest("how much is shipping to norway", [REFUNDS, SHIPPING, RETURNS], "negative"),
    ]
    alone = [generator.replies([request])[0] for request in requests]
    together = generator.replies(requests)
    assert [reply.text for reply in alone] == [reply.text for reply in together]
    assert alone[0] == generator.reply(requests[0].question, requests[0].passages)


def test_a_complaint_gets_a_word_of_regret(generator: EmbeddedGenerator) -> None:
    reply = generator.reply("Terrible, when do I get my refund?", [REFUNDS], sentiment="negative")
    assert "sorry" in reply.text.casefold()


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(
        st.text(st.characters(codec="utf-8", exclude_categories=("Cs",)), min_size=1, max_size=80),
        min_size=1,
        max_size=5,
    ),
    st.lists(st.integers(0, 99_999), min_size=1, max_size=4),
    st.text(max_size=60),
)
def test_every_number_of_a_reply_stands_in_a_passage(
    generator: EmbeddedGenerator, texts: list[str], numbers: list[int], asked: str
) -> None:
    passages = [f"{text} {number} days" for text, number in zip(texts, numbers * 5, strict=False)]
    reply = generator.reply(f"{asked} is it 123456 days?", passages)
    known = {number for passage in passages for number in re.findall(r"\d+", passage)}
    assert set(re.findall(r"\d+", reply.text)) <= known
    assert 0 <= reply.confidence <= 1
    assert reply.tokens <= MAX_UNITS


def test_input_and_output_are_bounded(generator: EmbeddedGenerator) -> None:
    reply = generator.reply("why " * 2000, ["word " * 5000, *(f"Sentence {row}." * 200 for row in range(50))])
    assert reply.read <= 512
    assert reply.tokens <= MAX_UNITS


def test_the_search_decides_on_the_evidence(generator: EmbeddedGenerator) -> None:
    passages = [ScoredPassage("Help", (RETURNS, SHIPPING, REFUNDS), (0.1, 0.9, 0.2))]
    assert generator.reply("How long do I have to return shoes?", passages).sentences == (SHIPPING,)


def test_nothing_to_read_is_an_error(generator: EmbeddedGenerator) -> None:
    with pytest.raises(GenerationError, match="no passage"):
        generator.reply("How long?", [])


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(GenerationError, match=r"lacks .*weights\.safetensors"):
        EmbeddedGenerator.load(tmp_path)


def test_the_model_is_small_and_holds_numbers_alone() -> None:
    sizes = {file.name: file.stat().st_size for file in MODEL_FOLDER.iterdir()}
    assert sum(sizes.values()) < 20_000_000
    assert {Path(name).suffix for name in sizes} == {".safetensors", ".onnx", ".json", ".md"}


def test_serving_needs_no_torch() -> None:
    code = (
        "import sys; from shopllm_rasa.generation.embedded import EmbeddedGenerator as G;"
        "G.load(threads=1).reply('How long?', ['It takes 3 days.']);"
        "sys.exit('torch' in sys.modules or 'transformers' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
