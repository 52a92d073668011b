from shopllm_rasa.generation.embedded.source import MAX_SENTENCES, SegmentKind, copy_sources, pack


def test_the_best_sentences_stand_under_their_headings_in_the_pages_order() -> None:
    source = pack(
        "how long?",
        [("Returns", [("First.", 0.2), ("Second.", 0.9)]), ("Delivery", [("Third.", 0.5)]), ("Empty", [])],
    )
    texts = [" ".join(unit.text for unit in item.units) for item in source.segments]
    assert texts == ["how long ?", "Returns", "First .", "Second .", "Delivery", "Third ."]
    assert [item.rank for item in source.segments] == [0, 0, 3, 1, 0, 2]
    assert source.heading_of(3) == 1
    assert source.heading_of(5) == 4


def test_only_so_many_sentences_are_read() -> None:
    source = pack("q", [("H", [(f"Sentence {row}.", float(row)) for row in range(30)])])
    sentences = [item for item in source.segments if item.kind is SegmentKind.SENTENCE]
    assert len(sentences) == MAX_SENTENCES
    assert min(item.units[1].text for item in sentences) == "24"


def test_numbers_of_the_question_and_other_sentences_are_no_source_to_copy_from() -> None:
    source = pack("can i return shoes after 90 days", [("Returns", [("Within 30 days.", 1.0), ("Not 14 days.", 0.5)])])
    allowed = copy_sources(source, [2])
    copied = {source.keys[position] for position in range(len(source.keys)) if allowed[position]}
    assert {"shoes", "returns", "within", "30"} <= copied
    assert not {"90", "14", "not", ""} & copied


def test_positions_count_marks_and_units() -> None:
    source = pack("a b", [("H", [("c d", 1.0)])])
    assert source.keys == ("", "a", "b", "", "h", "", "c", "d")
    assert source.unit(7).text == "d"
    assert source.labels.tolist()[5] == [SegmentKind.SENTENCE, 1, 1, 0]
