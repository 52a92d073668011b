from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from shopllm_rasa.retrieval.lexical import LexicalIndex, rewrite_lexical, write_lexical

DOCUMENTS = [Counter(text.split()) for text in ("red kettle kettle", "blue kettle", "red lamp", "", "lamp oak lamp")]


def written(folder: Path, documents: list[Counter[str]]) -> LexicalIndex:
    folder.mkdir()
    return LexicalIndex.load(folder, write_lexical(folder, documents))


@pytest.fixture
def index(tmp_path: Path) -> LexicalIndex:
    return written(tmp_path / "index", DOCUMENTS)


def test_rows_that_have_the_words_score_by_rarity_and_frequency(index: LexicalIndex) -> None:
    scores = index.scores(["kettle", "red"])
    assert scores.argmax() == 0
    assert scores[3] == scores[4] == 0
    assert 0 < scores[1] < scores[0] <= 1
    assert index.scores(["oak"])[4] == pytest.approx(1)


def test_unknown_words_lower_the_score_but_do_not_change_the_order(index: LexicalIndex) -> None:
    with_unknown = index.scores(["kettle", "zebra"])
    assert (with_unknown < index.scores(["kettle"]))[:2].all()
    assert "kettle" in index
    assert "zebra" not in index
    assert index.scores(["zebra"]).tolist() == [0] * 5
    assert index.scores([]).tolist() == [0] * 5


def test_a_word_twice_counts_once(index: LexicalIndex) -> None:
    assert np.array_equal(index.scores(["red", "red"]), index.scores(["red"]))


def test_another_form_of_a_word_counts_less_than_the_word_itself(tmp_path: Path) -> None:
    documents = [Counter(text.split()) for text in ("garden hose", "gardening gloves", "garden gardening", "lamp")]
    index = written(tmp_path / "forms", documents)
    forms = {"garden": ["gardening"], "gardener": ["garden", "gardening"]}
    plain = index.scores(["garden"])
    scores = index.scores(["garden"], lambda word: forms[word])
    assert scores[[0, 3]].tolist() == plain[[0, 3]].tolist()
    assert scores[2] == plain[2]  # the best form counts, not their sum
    assert plain[1] == 0 < scores[1] < scores[0]
    # A word that the index lacks is its other forms.
    assert index.scores(["gardener"]).tolist() == [0] * 4
    assert index.scores(["gardener"], lambda word: forms[word]).max() == pytest.approx(1)


def test_rewriting_gives_what_writing_anew_gives(index: LexicalIndex, tmp_path: Path) -> None:
    new = [Counter(["green", "kettle"])]
    folder = tmp_path / "rewritten"
    folder.mkdir()
    rows = rewrite_lexical(tmp_path / "index", folder, np.array([4, 0]), new)
    rewritten = LexicalIndex.load(folder, rows)
    anew = written(tmp_path / "anew", [DOCUMENTS[4], DOCUMENTS[0], *new])
    for words in (["kettle"], ["green", "lamp"], ["red", "kettle"]):
        assert rewritten.scores(words) == pytest.approx(anew.scores(words))
    # Words that no row has any more are still there, without a row.
    assert rewritten.scores(["blue"]).tolist() == [0, 0, 0]


def test_no_documents(tmp_path: Path) -> None:
    assert written(tmp_path / "empty", []).scores(["kettle"]).tolist() == []
    assert written(tmp_path / "wordless", [Counter()]).scores(["kettle"]).tolist() == [0]
