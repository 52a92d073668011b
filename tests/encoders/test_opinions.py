import json
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.encoders.fine_tuning import Example
from shopllm_rasa.encoders.opinions import MAX_CHARACTERS, read_opinions
from shopllm_rasa.errors import EncoderError


def written(file: Path, *rows: Any, encoding: str = "utf-8") -> Path:
    file.write_text("".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding)
    return file


def problem(file: Path) -> str:
    with pytest.raises(EncoderError) as caught:
        read_opinions(file)
    return str(caught.value)


class TestLabels:
    @pytest.mark.parametrize("label", ["negative", "neutral", "positive"])
    def test_the_label_itself(self, tmp_path: Path, label: str) -> None:
        file = written(tmp_path / "r.jsonl", {"text": "It boils.", "label": label, "rating": 3})
        assert read_opinions(file) == [Example("It boils.", None, label)]

    @pytest.mark.parametrize(
        ("rating", "label"),
        [
            (1, "negative"),
            (2, "negative"),
            (4, "positive"),
            ("4.5", "positive"),
            (5, "positive"),
        ],
    )
    def test_stars(self, tmp_path: Path, rating: Any, label: str) -> None:
        (opinion,) = read_opinions(written(tmp_path / "r.jsonl", {"text": "It boils.", "rating": rating}))
        assert opinion.sentiment == label

    @pytest.mark.parametrize("rating", [2.5, "3", 3.5])
    def test_between_praise_and_blame_they_teach_nothing(self, tmp_path: Path, rating: Any) -> None:
        clear = {"text": "Boils.", "rating": 5}
        file = written(tmp_path / "r.jsonl", clear, {"text": "It is all right.", "rating": rating})
        assert [item.text for item in read_opinions(file)] == ["Boils."]
        only = written(tmp_path / "only.jsonl", {"text": "It is all right.", "rating": rating})
        assert problem(only) == f"There are no reviews in '{only}' that praise or blame."

    @pytest.mark.parametrize("label", [None, ""])
    def test_an_empty_label_leaves_it_to_the_stars(self, tmp_path: Path, label: str | None) -> None:
        (opinion,) = read_opinions(written(tmp_path / "r.jsonl", {"text": "Leaks.", "label": label, "rating": 1}))
        assert opinion.sentiment == "negative"


class TestTexts:
    @pytest.mark.parametrize(
        ("title", "expected"),
        [("Good", "Good. It boils."), (" Good ", "Good. It boils."), ("", "It boils."), (None, "It boils.")],
    )
    def test_a_title_comes_first(self, tmp_path: Path, title: str | None, expected: str) -> None:
        file = written(tmp_path / "r.jsonl", {"title": title, "text": " It boils. ", "rating": 5})
        assert read_opinions(file)[0].text == expected

    def test_a_long_one_is_cut(self, tmp_path: Path) -> None:
        file = written(tmp_path / "r.jsonl", {"text": "x" * 10_000, "rating": 5})
        assert len(read_opinions(file)[0].text) == MAX_CHARACTERS


class TestFiles:
    def test_csv(self, tmp_path: Path) -> None:
        rows = ("text,label,more", '"Boils, and how.",positive,1', '"Two\nlines",negative,2', "Löud – very.,neutral,3")
        assert [item.text for item in read_opinions(written(tmp_path / "r.csv", *rows))] == [
            "Boils, and how.",
            "Two\nlines",
            "Löud – very.",
        ]

    @pytest.mark.parametrize("name", ["r.csv", "r.jsonl", "R.CSV", "R.JSONL"])
    def test_a_byte_order_mark(self, tmp_path: Path, name: str) -> None:
        rows: list[Any] = ["text,label", "Boils.,positive"]
        if name.lower().endswith(".jsonl"):
            rows = [{"text": "Boils.", "label": "positive"}]
        assert read_opinions(written(tmp_path / name, *rows, encoding="utf-8-sig")) == [
            Example("Boils.", None, "positive")
        ]

    def test_empty_lines_are_passed_over(self, tmp_path: Path) -> None:
        row = {"text": "Boils.", "rating": 5}
        assert len(read_opinions(written(tmp_path / "r.jsonl", "", row, "  ", row))) == 2

    @pytest.mark.parametrize(
        ("name", "labels"),
        [("opinions.csv", {"negative", "neutral", "positive"}), ("reviews.jsonl", {"negative", "positive"})],
    )
    def test_those_of_the_demo_shop(self, data_dir: Path, name: str, labels: set[str]) -> None:
        opinions = read_opinions(data_dir / "reviews" / name)
        assert len(opinions) > 1_000
        assert {item.sentiment for item in opinions} == labels
        assert {item.intent for item in opinions} == {None}


class TestProblems:
    @pytest.mark.parametrize("name", ["r.txt", "r.xlsx", "r"])
    def test_another_ending(self, tmp_path: Path, name: str) -> None:
        file = written(tmp_path / name, "x")
        assert problem(file) == f"'{file}' cannot be read as rows of texts; allowed are .csv and .jsonl files."

    def test_no_file(self, tmp_path: Path) -> None:
        file = tmp_path / "nowhere.csv"
        assert problem(file) == f"'{file}' cannot be read: No such file or directory."

    def test_a_folder(self, tmp_path: Path) -> None:
        (tmp_path / "r.csv").mkdir()
        assert problem(tmp_path / "r.csv") == f"'{tmp_path / 'r.csv'}' cannot be read: Is a directory."

    @pytest.mark.parametrize("name", ["r.csv", "r.jsonl"])
    def test_not_utf8(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).write_bytes(b"text,label\nK\xf6nig,positive\n")
        assert problem(tmp_path / name) == f"'{tmp_path / name}' cannot be read: it is not UTF-8."

    @pytest.mark.parametrize(
        ("name", "rows"), [("r.csv", ["text,label"]), ("r.csv", []), ("r.jsonl", []), ("r.jsonl", [""])]
    )
    def test_nothing_in_it(self, tmp_path: Path, name: str, rows: list[str]) -> None:
        file = written(tmp_path / name, *rows)
        assert problem(file) == f"There are no reviews in '{file}' that praise or blame."

    def test_a_field_without_an_end(self, tmp_path: Path) -> None:
        file = written(tmp_path / "r.csv", "text,label", '"' + "x" * 200_000)
        assert problem(file).startswith(f"'{file}' cannot be read: field larger than field limit")

    @pytest.mark.parametrize("line", ["{not json}", '{"text": "a"', "[" * 100_000])
    def test_a_line_that_is_not_json(self, tmp_path: Path, line: str) -> None:
        file = written(tmp_path / "r.jsonl", {"text": "Boils.", "rating": 5}, line)
        assert problem(file).startswith(f"'{file}', line 2: not JSON (")

    @pytest.mark.parametrize(("line", "kind"), [("[1]", "list"), ("5", "int"), ('"text"', "str"), ("null", "NoneType")])
    def test_a_line_that_is_no_object(self, tmp_path: Path, line: str, kind: str) -> None:
        file = written(tmp_path / "r.jsonl", line)
        assert problem(file) == f"'{file}', line 1: expected an object, found {kind}."

    @pytest.mark.parametrize("text", [None, "", "  ", 5, ["a"]])
    def test_no_text(self, tmp_path: Path, text: Any) -> None:
        file = written(tmp_path / "r.jsonl", {"text": "Boils.", "rating": 5}, "", {"text": text, "rating": 5})
        assert problem(file) == f"'{file}', line 3: 'text' is missing or empty."

    def test_a_table_without_texts(self, tmp_path: Path) -> None:
        file = written(tmp_path / "r.csv", "words,label", "Boils.,positive")
        assert problem(file) == f"'{file}', line 2: 'text' is missing or empty."

    @pytest.mark.parametrize("label", ["good", "Positive", 1, ["positive"]])
    def test_an_unknown_label(self, tmp_path: Path, label: Any) -> None:
        file = written(tmp_path / "r.jsonl", {"text": "Boils.", "label": label, "rating": 5})
        assert problem(file) == f"'{file}', line 1: 'label' is '{label}'; allowed: negative, neutral, positive."

    @pytest.mark.parametrize("row", [{}, {"rating": None}, {"rating": "many"}, {"rating": [5]}])
    def test_neither_label_nor_stars(self, tmp_path: Path, row: dict[str, Any]) -> None:
        file = written(tmp_path / "r.jsonl", {"text": "Boils.", **row})
        assert problem(file) == f"'{file}', line 1: neither 'label' nor a 'rating' from 1 to 5."

    @pytest.mark.parametrize("rating", [0, 6, -1, "nan", 0.99, True, False])
    def test_stars_that_do_not_exist(self, tmp_path: Path, rating: Any) -> None:
        file = written(tmp_path / "r.jsonl", {"text": "Boils.", "rating": rating})
        assert problem(file) == f"'{file}', line 1: 'rating' is {rating}; allowed are 1 to 5."

    def test_the_line_of_a_table(self, tmp_path: Path) -> None:
        file = written(tmp_path / "r.csv", "text,rating", "Boils.,5", '"Two\nlines",4', "Leaks.,9")
        assert problem(file) == f"'{file}', line 5: 'rating' is 9; allowed are 1 to 5."
