import hashlib
import json
from pathlib import Path

import pytest

from shopllm_rasa.storage import new_directory, sha256_of, write_json, write_text


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestWriteText:
    def test_a_new_file_in_a_new_folder(self, tmp_path: Path) -> None:
        write_text(tmp_path / "a" / "b.txt", "grün\n")
        assert (tmp_path / "a" / "b.txt").read_bytes() == "grün\n".encode()
        assert names(tmp_path / "a") == ["b.txt"]

    def test_an_old_file_is_replaced(self, tmp_path: Path) -> None:
        write_text(tmp_path / "b.txt", "a long old text")
        write_text(tmp_path / "b.txt", "new")
        assert (tmp_path / "b.txt").read_text() == "new"

    def test_a_failure_leaves_the_old_file_and_nothing_else(self, tmp_path: Path) -> None:
        write_text(tmp_path / "b.txt", "old")
        with pytest.raises(UnicodeEncodeError):
            write_text(tmp_path / "b.txt", "new \ud800")
        assert (tmp_path / "b.txt").read_text() == "old"
        assert names(tmp_path) == ["b.txt"]

    def test_others_may_read_it_as_any_new_file(self, tmp_path: Path) -> None:
        (tmp_path / "plain.txt").write_text("x")
        write_text(tmp_path / "b.txt", "x")
        assert (tmp_path / "b.txt").stat().st_mode == (tmp_path / "plain.txt").stat().st_mode


def test_json_is_readable_and_utf_8(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"name": "grün", "list": [1]})
    text = (tmp_path / "a.json").read_text(encoding="utf-8")
    assert "grün" in text
    assert text.endswith("}\n")
    assert json.loads(text) == {"name": "grün", "list": [1]}


def test_what_json_cannot_hold_leaves_the_old_file(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", 1)
    with pytest.raises(TypeError):
        write_json(tmp_path / "a.json", object())
    assert (tmp_path / "a.json").read_text() == "1\n"


class TestNewDirectory:
    def test_it_gets_its_name_when_it_is_full(self, tmp_path: Path) -> None:
        target = tmp_path / "parts" / "one"
        with new_directory(target) as folder:
            (folder / "a").write_text("x")
            assert not target.exists()
            assert folder.parent == target.parent
        assert names(target) == ["a"]
        assert names(target.parent) == ["one"]

    def test_a_failure_leaves_nothing(self, tmp_path: Path) -> None:
        def die() -> None:
            with new_directory(tmp_path / "one") as folder:
                (folder / "a").write_text("x")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            die()
        assert names(tmp_path) == []

    def test_a_directory_is_never_overwritten(self, tmp_path: Path) -> None:
        (tmp_path / "one").mkdir()
        (tmp_path / "one" / "old").touch()
        with (
            pytest.raises(FileExistsError, match=f"'{tmp_path / 'one'}' exists already"),
            new_directory(tmp_path / "one"),
        ):
            pass
        assert names(tmp_path) == ["one"]
        assert names(tmp_path / "one") == ["old"]

    def test_others_may_read_it_as_any_new_folder(self, tmp_path: Path) -> None:
        (tmp_path / "plain").mkdir()
        with new_directory(tmp_path / "one"):
            pass
        assert (tmp_path / "one").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_the_hash_covers_all_files_in_order(tmp_path: Path) -> None:
    first, second = tmp_path / "a", tmp_path / "b"
    first.write_bytes(b"x" * 3_000_000)
    second.write_bytes(b"y")
    assert sha256_of(first, second) == hashlib.sha256(b"x" * 3_000_000 + b"y").hexdigest()
    assert sha256_of(second, first) != sha256_of(first, second)
    assert sha256_of() == hashlib.sha256(b"").hexdigest()
