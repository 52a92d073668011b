from collections import Counter

import numpy as np

from shopllm_rasa.encoders.commerce_training import CommerceOptions, Message, read_messages, train_commerce
from shopllm_rasa.encoders.export import load_model

MESSAGES = [
    Message("florist", intent, text)
    for intent, texts in {
        "price": ("what do roses cost", "tulips how much", "rate of a bouquet", "price for ten lilies"),
        "delivery": ("when will flowers come", "delivery today?", "how soon do you bring them", "by noon please"),
        "care": ("how often to water orchids", "leaves go yellow", "sun or shade", "do lilies need feed"),
    }.items()
    for text in texts
]
STRANGERS = [Message(None, None, "who won the match"), Message(None, None, "tell me a joke")]


def test_the_messages_that_come_with_the_package() -> None:
    messages = read_messages()
    groups = Counter((item.shop, item.intent) for item in messages)
    assert len({shop for shop, _ in groups}) == 13
    assert min(groups.values()) >= 12
    assert groups[(None, None)] > 350
    assert len(set(messages)) == len(messages)
    assert all(item.text == item.text.strip() != "" for item in messages)


def test_messages_of_an_intent_come_nearer_than_others() -> None:
    def contrast() -> float:
        vectors = encoder.encode([item.text for item in MESSAGES], normalize_embeddings=True)
        labels = np.array([item.intent for item in MESSAGES])
        same = labels[:, None] == labels
        return float((vectors @ vectors.T)[same].mean() - (vectors @ vectors.T)[~same].mean())

    encoder = load_model("default")
    before = contrast()
    difference = train_commerce(encoder, MESSAGES + STRANGERS, CommerceOptions(epochs=6), progress=False)
    assert contrast() > before + 0.05
    assert difference
    assert all(name.startswith("encoder.layer.") for name in difference)
