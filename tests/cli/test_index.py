import json
from pathlib import Path

import pytest

from shopllm_rasa.retrieval import ProductIndex
from shopllm_rasa.retrieval.index_directory import IndexDirectory

FLAMINGO = {"id": "NEW-1", "name": "Inflatable pink flamingo", "price": "19.95", "brand": "Splash"}


def feed(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


class TestAdd:
    def test_new_and_changed_products(self, shopllm, index_copy: Path, tmp_path: Path) -> None:
        old = ProductIndex.open(index_copy).get("KIT-1310")
        assert old is not None
        changed = {**old.to_dict(), "price": "1.00"}
        for name in ("codes", "variants"):
            changed.pop(name)
        count = len(ProductIndex.open(index_copy))
        done = shopllm(
            "index",
            "add",
            "--catalog",
            feed(tmp_path / "new.jsonl", FLAMINGO, changed),
            "--index",
            index_copy,
            "--json",
        )
        assert done.code == 0
        expected = {"added": 1, "replaced": 1, "embedded": 1, "left_out": 0, "products": count + 1}
        assert json.loads(done.out) == expected
        found = shopllm("search", "pool toy flamingo", "--index", index_copy, "--limit", 1, "--json")
        assert [hit["id"] for hit in json.loads(found.out)["hits"]] == ["NEW-1"]

    def test_in_words(self, shopllm, index_copy: Path, tmp_path: Path) -> None:
        done = shopllm("index", "add", "--catalog", feed(tmp_path / "new.jsonl", FLAMINGO), "--index", index_copy)
        assert done.code == 0
        assert done.out.startswith("1 products added, 0 replaced, 1 texts embedded; ")

    def test_a_bad_feed_changes_nothing(self, shopllm, index_copy: Path, tmp_path: Path) -> None:
        before = IndexDirectory(index_copy).read_manifest()
        bad = feed(tmp_path / "bad.jsonl", FLAMINGO, {"name": "Lamp", "price": "dear"})
        done = shopllm("index", "add", "--catalog", bad, "--on-error", "stop", "--index", index_copy)
        assert done.code == 1
        assert "line 2" in done.err
        assert IndexDirectory(index_copy).read_manifest() == before

    def test_no_index(self, shopllm, tmp_path: Path) -> None:
        done = shopllm("index", "add", "--catalog", feed(tmp_path / "new.jsonl", FLAMINGO), "--index", tmp_path / "no")
        assert (done.code, done.out) == (1, "")
        assert "does not exist" in done.err


class TestRemove:
    def test_ids_and_a_file_of_ids(self, shopllm, index_copy: Path, tmp_path: Path) -> None:
        count = len(ProductIndex.open(index_copy))
        file = tmp_path / "ids.txt"
        file.write_text("KIT-1327\n\nNO-1\n", encoding="utf-8")
        done = shopllm("index", "remove", "KIT-1310", "--file", file, "--index", index_copy, "--json")
        assert done.code == 0
        assert json.loads(done.out) == {"removed": 2, "unknown": ["NO-1"], "products": count - 2}
        assert ProductIndex.open(index_copy).get("KIT-1310") is None

    def test_ids_that_are_not_there(self, shopllm, index_copy: Path) -> None:
        before = IndexDirectory(index_copy).read_manifest()
        done = shopllm("index", "remove", "NO-1", "NO-2", "--index", index_copy)
        assert done.code == 0
        assert done.err == "not there: NO-1, NO-2\n"
        assert done.out.startswith("0 products removed, ")
        assert IndexDirectory(index_copy).read_manifest() == before

    def test_nothing_named(self, shopllm, index_copy: Path) -> None:
        assert shopllm("index", "remove", "--index", index_copy).code == 2


class TestVerify:
    def test_a_whole_index(self, shopllm, index_dir: Path) -> None:
        done = shopllm("index", "verify", "--index", index_dir)
        assert done.code == 0
        assert done.out.startswith("whole: ")

    def test_a_changed_byte(self, shopllm, index_copy: Path) -> None:
        file = index_copy / IndexDirectory(index_copy).read_manifest().parts["products"].folder / "vectors.safetensors"
        content = bytearray(file.read_bytes())
        content[-1] ^= 1
        file.write_bytes(content)
        done = shopllm("index", "verify", "--index", index_copy, "--json")
        assert (done.code, done.out) == (1, "")
        assert f"'{file}' is not what was written" in done.err


def test_stats_name_encoder_and_store(shopllm, index_dir: Path) -> None:
    values = json.loads(shopllm("index", "stats", "--index", index_dir, "--json").out)
    assert values["store"] == "flat"
    assert values["encoder_sha256"] == IndexDirectory(index_dir).read_manifest().encoder_fingerprint
    assert values["bytes_a_product"] > 1000


@pytest.mark.parametrize("command", ["build", "add", "remove", "verify", "stats"])
def test_help(shopllm, command: str) -> None:
    done = shopllm("index", command, "--help")
    assert done.code == 0
    assert "Example: shopllm index" in done.out
