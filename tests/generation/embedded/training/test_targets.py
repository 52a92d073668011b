import random

import pytest

from shopllm_rasa.generation.embedded.surface import Surface
from shopllm_rasa.generation.embedded.training.examples import Example, ExampleMaker
from shopllm_rasa.generation.embedded.training.grammar import read_topics
from shopllm_rasa.generation.embedded.training.targets import Target, make_target, read_glue, source_of
from shopllm_rasa.generation.embedded.units import has_digit
from shopllm_rasa.generation.embedded.vocabulary import END, Vocabulary

VOCABULARY = Vocabulary(read_glue())


def target_of(example: Example) -> Target | None:
    ranks = [list(range(1, 1 + len(sentences))) for _, sentences in example.passages]
    source, chosen = source_of(example, ranks)
    return make_target(example, source, chosen, VOCABULARY, 0)


@pytest.fixture(scope="module")
def examples() -> list[Example]:
    maker = ExampleMaker(read_topics(), random.Random(1), 4, frozenset(VOCABULARY.tokens))
    return [maker.draw() for _ in range(400)]


def test_written_out_targets_read_as_the_replies(examples: list[Example]) -> None:
    found = 0
    for example in examples:
        target = target_of(example)
        if target is None or example.kind == "decline":
            continue
        found += 1
        numbers, origins = list(target.numbers), list(target.origins)
        assert numbers[-1] == VOCABULARY.id_of(END)
        start = target.plan_steps
        text = Surface().write(target.source, numbers[start:-1], origins[start:-1], VOCABULARY)
        assert text.casefold().replace(" ", "") == example.reply.casefold().replace(" ", "")
    assert found > 250


def test_numbers_are_always_copied_from_the_evidence_never_from_the_question(examples: list[Example]) -> None:
    for target in filter(None, map(target_of, examples)):
        for number, origin in zip(target.numbers, target.origins, strict=True):
            if origin >= 0 and has_digit(target.source.keys[origin]):
                assert target.source.owners[origin] > 0
            if origin < 0:
                assert not has_digit(VOCABULARY.tokens[number])


def test_a_reply_with_a_word_of_its_own_is_no_target() -> None:
    passages = (("Returns", ("Within 30 days.",)),)
    kept = Example("answer", "returns?", passages, ((0, 0),), "You can find it within 30 days.", "neutral")
    invented = Example("answer", "returns?", passages, ((0, 0),), "You can find it within 31 days.", "neutral")
    assert target_of(kept) is not None
    assert target_of(invented) is None


def test_the_same_seed_draws_the_same_examples() -> None:
    def draw() -> list[Example]:
        maker = ExampleMaker(read_topics(), random.Random(3), 2, frozenset())
        return [maker.draw() for _ in range(30)]

    assert draw() == draw()


def test_the_closed_list_states_no_facts() -> None:
    words = read_glue()
    assert len(words) == len(set(words))
    assert not any(has_digit(word) for word in words)
    assert not {"free", "only", "all", "under", "over", "before", "until", "one", "two"} & set(words)
