from pathlib import Path

import pytest

from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
from shopllm_rasa.retrieval.knowledge import Passage, read_knowledge

ELECTRONICS = "Returns > Returning electronics"


@pytest.mark.parametrize(
    "question",
    [
        "What is the return policy for electronic products?",
        "what is the retrun policy for electronics",
        "can i return electronik products?",
        "WHAT IS YOUR RETURN POLCY FOR ELECTORNICS??",
    ],
)
def test_the_return_policy_for_electronics_is_found_also_with_typos(
    knowledge_index: KnowledgeIndex, question: str
) -> None:
    assert knowledge_index.search(question)[0].passage.source == ELECTRONICS


@pytest.mark.parametrize(
    ("question", "page"),
    [
        ("How long is the warranty?", "warranty.md"),
        ("Which payment methods do you accept?", "payment.md"),
        ("How much is shipping to Germany?", "shipping.md"),
        ("Can I bring my dog into the store?", "store.md"),
        ("Do gift cards expire?", "gift-cards.md"),
    ],
)
def test_other_pages_are_found(knowledge_index: KnowledgeIndex, question: str, page: str) -> None:
    assert knowledge_index.search(question)[0].passage.path == page


def test_a_hit_says_how_well_it_fits(knowledge_index: KnowledgeIndex) -> None:
    hits = knowledge_index.search("Can I return opened software?", k=5)
    assert len(hits) == 5
    assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    for hit in hits:
        assert len(hit.sentence_scores) == len(hit.passage.sentences)
        assert hit.score == pytest.approx(max(hit.sentence_scores))
        assert 0 <= hit.coverage <= 1
    best = hits[0]
    assert best.passage.source == ELECTRONICS
    sentence = best.passage.sentences[best.sentence_scores.index(max(best.sentence_scores))]
    assert sentence.startswith("Opened software")


def test_coverage_is_the_share_of_the_question_s_words(knowledge_index: KnowledgeIndex) -> None:
    covered = knowledge_index.search("opened software and activated licence keys")[0]
    assert covered.passage.source == ELECTRONICS
    assert covered.coverage == pytest.approx(1)
    half = knowledge_index.search("opened software for zebras")[0]
    assert 0 < half.coverage < 1
    assert knowledge_index.search("what is it")[0].coverage == 0
    assert {hit.coverage for hit in knowledge_index.search("zxqv qqwrt")} == {0}


@pytest.mark.parametrize("question", ["", "  \n"])
def test_an_empty_question_finds_nothing(knowledge_index: KnowledgeIndex, question: str) -> None:
    assert knowledge_index.search(question) == []


@pytest.mark.parametrize("question", ["?", "☕" * 500, "\x00", "返品できますか", "a " * 5_000])
def test_odd_questions_are_searched(knowledge_index: KnowledgeIndex, question: str) -> None:
    assert len(knowledge_index.search(question, k=3)) == 3


def test_an_opened_index_gives_the_same_hits(index_dir: Path, knowledge_index: KnowledgeIndex) -> None:
    opened = KnowledgeIndex.open(index_dir)
    assert opened.passages == knowledge_index.passages
    assert opened.search("How long is the warranty?") == knowledge_index.search("How long is the warranty?")


def test_an_index_holds_the_pages_it_was_built_of(data_dir: Path, knowledge_index: KnowledgeIndex) -> None:
    assert knowledge_index.passages == read_knowledge(data_dir / "knowledge")


def test_building_again_replaces_the_pages_and_keeps_the_products(index_copy: Path) -> None:
    products = ProductIndex.open(index_copy).products
    passage = Passage("Parrots", "Feeding", ("Parrots eat seeds.",), "parrots.md")
    built = KnowledgeIndex.build([passage], index_copy)
    opened = KnowledgeIndex.open(index_copy)
    assert opened.passages == built.passages == [passage]
    assert [hit.passage for hit in opened.search("What do parrots eat?")] == [passage]
    assert ProductIndex.open(index_copy).products == products


def test_an_index_without_pages_finds_nothing(index_copy: Path) -> None:
    KnowledgeIndex.build([], index_copy)
    opened = KnowledgeIndex.open(index_copy)
    assert len(opened) == 0
    assert opened.search("What is the return policy?") == []
