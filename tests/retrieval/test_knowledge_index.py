from dataclasses import replace
from pathlib import Path

import pytest

from shopllm_rasa.errors import IndexUnusableError
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
    assert [hit.relevance for hit in hits] == sorted((hit.relevance for hit in hits), reverse=True)
    for hit in hits:
        assert len(hit.sentence_relevance) == len(hit.passage.sentences)
        assert -1 <= hit.passage_score <= 1
        assert 0 <= hit.lexical <= 1
        assert hit.relevance <= 1
        assert hit.margin == pytest.approx(hit.relevance - hits[0].relevance + hits[0].margin)
        assert len(hit.sentence_scores) == len(hit.passage.sentences)
        assert hit.score == pytest.approx(max(hit.sentence_scores))
        assert 0 <= hit.coverage <= 1
    best = hits[0]
    assert best.passage.source == ELECTRONICS
    for scores in (best.sentence_scores, best.sentence_relevance):
        assert best.passage.sentences[scores.index(max(scores))].startswith("Opened software")


def test_words_count_beside_meaning(index_copy: Path) -> None:
    """Two passages of like meaning: the one with the question's rare word comes first."""
    passages = [
        Passage("Codes", f"Error {code}", (f"Error {code} means that the machine needs cleaning.",), "codes.md")
        for code in ("E17", "E23", "E31", "E45")
    ]
    index = KnowledgeIndex.build(passages, index_copy)
    for passage, code in zip(passages, ("E17", "e-23", "E31", "e45"), strict=True):
        best, second = index.search(f"what does {code} mean", k=2)
        assert best.passage == passage
        assert best.lexical > second.lexical


def test_forms_of_a_word_are_one(knowledge_index: KnowledgeIndex) -> None:
    for question in ("returning opened software", "opening software returned"):
        hit = knowledge_index.search(question)[0]
        assert hit.passage.source == ELECTRONICS
        assert hit.missing == ()
        assert hit.lexical > 0.8


def test_what_a_passage_lacks_is_named(knowledge_index: KnowledgeIndex) -> None:
    hits = knowledge_index.search("Can I pay with bitcoin?")
    assert all("bitcoin" in hit.missing for hit in hits)
    paypal = next(hit for hit in knowledge_index.search("Can I pay with PayPal?") if "PayPal" in hit.passage.text)
    assert paypal.missing == ()


def test_the_margin_is_large_where_one_passage_stands_out(knowledge_index: KnowledgeIndex) -> None:
    clear = knowledge_index.search("How long is a gift card valid?")[0]
    vague = knowledge_index.search("What do you think about the prime minister?")[0]
    assert clear.margin > 2 * vague.margin


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
    assert built.embedded == 1  # its one sentence is the whole passage
    opened = KnowledgeIndex.open(index_copy)
    assert opened.passages == built.passages == [passage]
    assert [hit.passage for hit in opened.search("What do parrots eat?")] == [passage]
    assert ProductIndex.open(index_copy).products == products


def test_an_index_without_pages_finds_nothing(index_copy: Path) -> None:
    KnowledgeIndex.build([], index_copy)
    opened = KnowledgeIndex.open(index_copy)
    assert len(opened) == 0
    assert opened.search("What is the return policy?") == []


def test_only_what_has_changed_is_embedded_again(index_copy: Path, data_dir: Path) -> None:
    passages = read_knowledge(data_dir / "knowledge")
    before = KnowledgeIndex.open(index_copy)
    assert KnowledgeIndex.build(passages, index_copy).embedded == 0
    first = passages[0]
    changed = replace(first, sentences=(*first.sentences, "Ask us about parrots."))
    built = KnowledgeIndex.build([changed, *passages[2:]], index_copy)
    assert built.embedded == 2  # the new sentence and the passage it stands in
    assert built.search("Do you know anything of parrots?")[0].passage == changed
    assert passages[1] not in built.passages
    question = "How long is the warranty?"
    now = built.search(question)[0]
    assert now.passage == before.search(question)[0].passage
    assert now.sentence_scores == before.search(question)[0].sentence_scores


def test_an_index_of_products_is_needed(tmp_path: Path) -> None:
    with pytest.raises(IndexUnusableError, match="does not exist"):
        KnowledgeIndex.build([Passage("Returns", "", ("Within 30 days.",), "returns.md")], tmp_path / "index")
    assert not (tmp_path / "index").exists()
