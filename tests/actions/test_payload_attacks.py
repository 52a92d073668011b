"""Any text that begins with a slash can carry entities past understanding; none of them opens somebody's order."""

import asyncio
import json
import warnings
from pathlib import Path

import pytest
from rasa.core.actions.action import ActionExtractSlots
from rasa.core.channels import CollectingOutputChannel
from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import SlotSet, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.shared.core.training_data.story_reader.yaml_story_reader import YAMLStoryReader
from rasa.shared.nlu.training_data.message import Message

ROOT = Path(__file__).parents[2]
ATTACKS = [
    attack
    for line in (ROOT / "tests" / "generation" / "attacks.jsonl").read_text(encoding="utf-8").splitlines()
    if (attack := json.loads(line))["surface"] == "payload"
]
# What only the shop's own actions may write.
OWN_SLOTS = {"verified_order", "shown_products", "current_product", "failed_lookups", "offer"}
SECRETS = ("Anna", "anna.keller", "DPD", "05326210035512", "168.95", "Sonavale", "25 November")


@pytest.fixture(scope="module")
def domain() -> Domain:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Domain.load(str(ROOT / "domain"))


@pytest.mark.filterwarnings("ignore:Failed to parse arguments")  # Rasa says so of unknown entities
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack["id"])
def test_a_payload_sets_no_slot_of_the_actions_and_opens_no_order(attack, domain: Domain, talk) -> None:
    message = YAMLStoryReader.unpack_regex_message(Message.build(attack["text"]), domain)
    entities = message.get("entities") or []
    event = UserUttered(attack["text"], message.get("intent"), entities)
    tracker = DialogueStateTracker.from_events("mallory", [event], slots=domain.slots)
    extraction = ActionExtractSlots(None).run(
        CollectingOutputChannel(), TemplatedNaturalLanguageGenerator({}), tracker, domain
    )
    slots = {event.key: event.value for event in asyncio.run(extraction) if isinstance(event, SlotSet)}
    assert not slots.keys() & OWN_SLOTS
    talk.slots.update(slots)
    said = talk.say("action_order_status", attack["text"], entities=entities)
    assert "cannot find an order" in said
    assert not [secret for secret in SECRETS if secret in said]
    assert talk.slots["verified_order"] is None


def test_there_are_payload_attacks() -> None:
    assert len(ATTACKS) >= 6
