from shopllm_rasa.spelling.english import common_words, english_words


def test_words_are_ordered_from_the_commonest_to_the_rarest() -> None:
    words = english_words()
    assert len(words) > 15_000
    assert words[0] == "the"
    assert words.index("house") < words.index("kettle")


def test_pieces_signs_and_other_scripts_are_no_words() -> None:
    assert all(word.isascii() and word.isalpha() and len(word) > 1 for word in english_words())


def test_common_words() -> None:
    common = common_words(500)
    assert {"on", "next", "would"} <= common
    assert not {"apple", "kettle"} & common
