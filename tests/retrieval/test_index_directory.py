import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import EncoderError, IndexUnusableError
from shopllm_rasa.retrieval import KnowledgeIndex, ProductIndex
from shopllm_rasa.retrieval.index_directory import LOCK_FILE, MANIFEST_FILE, IndexDirectory

PRODUCT_FILES = [
    "columns.json",
    "columns.safetensors",
    "kinds.safetensors",
    "products.sqlite",
    "vectors.safetensors",
    "words-by-product.safetensors",
    "words.json",
    "words.safetensors",
]
KNOWLEDGE_FILES = [
    "passages.jsonl",
    "vectors.safetensors",
    "words-by-product.safetensors",
    "words.json",
    "words.safetensors",
]
BUILD_AGAIN = "shopllm index build --catalog FILE --out DIR"


def problem(path: Path, **values: Any) -> str:
    with pytest.raises(IndexUnusableError) as caught:
        ProductIndex.open(path, **values)
    return str(caught.value)


def part_folder(path: Path, kind: str = "products") -> Path:
    return path / IndexDirectory(path).read_manifest().parts[kind].folder


def cut(file: Path, share: float = 0.5) -> None:
    content = file.read_bytes()
    file.write_bytes(content[: int(len(content) * share)])


def edit_manifest(path: Path, change: Callable[[dict[str, Any]], None]) -> None:
    file = path / MANIFEST_FILE
    values = json.loads(file.read_text(encoding="utf-8"))
    change(values)
    file.write_text(json.dumps(values), encoding="utf-8")


class TestDamage:
    @pytest.mark.parametrize("name", PRODUCT_FILES)
    @pytest.mark.parametrize("share", [0, 0.5, 0.99])
    def test_cut_file(self, index_copy: Path, name: str, share: float) -> None:
        file = part_folder(index_copy) / name
        whole = file.stat().st_size
        cut(file, share)
        text = problem(index_copy)
        assert text.startswith(f"'{file}' has {file.stat().st_size:,} bytes instead of {whole:,}.")
        assert BUILD_AGAIN in text

    @pytest.mark.parametrize("name", KNOWLEDGE_FILES)
    def test_cut_pages(self, index_copy: Path, name: str) -> None:
        file = part_folder(index_copy, "knowledge") / name
        cut(file)
        with pytest.raises(IndexUnusableError, match="bytes instead of") as caught:
            KnowledgeIndex.open(index_copy)
        assert str(file) in str(caught.value)

    @pytest.mark.parametrize("name", PRODUCT_FILES)
    def test_missing_file(self, index_copy: Path, name: str) -> None:
        file = part_folder(index_copy) / name
        file.unlink()
        assert problem(index_copy) == f"'{file}' is missing. Build it again: {BUILD_AGAIN}"

    def test_missing_encoder_file(self, index_copy: Path) -> None:
        folder = index_copy / "encoder-1"
        (folder / "tokenizer.json").unlink()
        text = problem(index_copy)
        assert f"The encoder in '{folder}' lacks tokenizer.json." in text
        assert BUILD_AGAIN in text

    @pytest.mark.parametrize("name", ["graph.onnx", "tokenizer.json"])
    def test_cut_encoder_file(self, index_copy: Path, name: str) -> None:
        cut(index_copy / "encoder-1" / name)
        assert f"The encoder in '{index_copy / 'encoder-1'}' cannot be loaded" in problem(index_copy)

    @pytest.mark.parametrize("name", [name for name in PRODUCT_FILES if name != "words-by-product.safetensors"])
    @pytest.mark.parametrize("filler", [b"\xff", b" ", b"[", b"1"])
    def test_scribbled_file_of_the_right_size(self, index_copy: Path, name: str, filler: bytes) -> None:
        file = part_folder(index_copy) / name
        file.write_bytes(filler * file.stat().st_size)
        assert f"'{file}' is damaged" in problem(index_copy)

    @pytest.mark.parametrize("share", [0, 0.3, 0.9])
    def test_cut_manifest(self, index_copy: Path, share: float) -> None:
        file = index_copy / MANIFEST_FILE
        cut(file, share)
        text = problem(index_copy)
        assert text.startswith(f"'{file}' is damaged")
        assert BUILD_AGAIN in text

    @pytest.mark.parametrize(
        "content", ["[]", "null", "5", '"x"', "{}", '{"format_version": 3, "parts": {"products": 5}}']
    )
    def test_manifest_of_another_shape(self, index_copy: Path, content: str) -> None:
        (index_copy / MANIFEST_FILE).write_text(content, encoding="utf-8")
        assert BUILD_AGAIN in problem(index_copy)

    def test_missing_manifest(self, index_copy: Path) -> None:
        (index_copy / MANIFEST_FILE).unlink()
        assert problem(index_copy) == f"The index '{index_copy}' was never finished. Build it again: {BUILD_AGAIN}"

    def test_missing_index(self, tmp_path: Path) -> None:
        path = tmp_path / "nowhere"
        assert problem(path) == f"The index '{path}' does not exist. Build it again: {BUILD_AGAIN}"
        with pytest.raises(IndexUnusableError, match="does not exist"):
            KnowledgeIndex.open(path)
        with pytest.raises(IndexUnusableError, match="does not exist"):
            KnowledgeIndex.build([], path)

    def test_manifest_of_a_later_version(self, index_copy: Path) -> None:
        edit_manifest(index_copy, lambda values: values.update(format_version=99))
        assert problem(index_copy).startswith(f"The index '{index_copy}' has format 99; this version reads 3.")

    def test_counts_that_do_not_agree(self, index_copy: Path) -> None:
        edit_manifest(index_copy, lambda values: values["parts"]["products"].update(count=5))
        assert "is inconsistent" in problem(index_copy)

    def test_index_without_products(self, index_copy: Path) -> None:
        edit_manifest(index_copy, lambda values: values["parts"].pop("products"))
        assert problem(index_copy) == f"The index '{index_copy}' has no products."

    def test_a_damaged_index_can_be_built_again(self, index_copy: Path, some_products: list[Product]) -> None:
        cut(part_folder(index_copy) / "vectors.safetensors")
        ProductIndex.build(some_products[:3], index_copy)
        assert ProductIndex.open(index_copy).products == some_products[:3]


class TestOtherEncoder:
    def test_the_caller_means_another(self, index_copy: Path) -> None:
        text = problem(index_copy, model="other")
        assert f"The index '{index_copy}' was built with the encoder 'default', but the settings name 'other'." in text
        assert "set encoder.model to 'default'" in text
        assert BUILD_AGAIN in text

    def test_the_fingerprint_is_another(self, index_copy: Path) -> None:
        edit_manifest(index_copy, lambda values: values.update(encoder_fingerprint="0" * 64))
        text = problem(index_copy)
        folder = index_copy / "encoder-1"
        assert f"The encoder in '{folder}' is not the one the index '{index_copy}' was built with." in text
        assert BUILD_AGAIN in text
        with pytest.raises(IndexUnusableError, match="is not the one the index"):
            KnowledgeIndex.open(index_copy)

    def test_a_build_with_an_unknown_encoder_keeps_the_old_index(
        self, index_copy: Path, some_products: list[Product]
    ) -> None:
        with pytest.raises(
            EncoderError, match=r"'no-such-encoder' cannot be loaded .*Allowed: 'default', 'commerce', a folder"
        ):
            ProductIndex.build(some_products[:1], index_copy, model="no-such-encoder")
        assert ProductIndex.open(index_copy).products == some_products


class TestWriting:
    def test_a_writer_that_dies_before_its_commit_leaves_the_old_index(
        self, index_copy: Path, some_products: list[Product]
    ) -> None:
        directory = IndexDirectory(index_copy)
        before = directory.read_manifest()
        part = directory.write_part("products", 1, lambda folder: (folder / "products.sqlite").touch())
        assert (index_copy / part.folder).is_dir()
        assert directory.read_manifest() == before
        assert ProductIndex.open(index_copy).products == some_products

    def test_a_writer_that_dies_inside_a_part_leaves_the_old_index(
        self, index_copy: Path, some_products: list[Product]
    ) -> None:
        def die(folder: Path) -> None:
            (folder / "products.sqlite").write_text("half", encoding="utf-8")
            raise KeyboardInterrupt

        before = sorted(path.name for path in index_copy.iterdir())
        with pytest.raises(KeyboardInterrupt):
            IndexDirectory(index_copy).write_part("products", 1, die)
        assert sorted(path.name for path in index_copy.iterdir()) == before
        assert ProductIndex.open(index_copy).products == some_products

    def test_the_next_writer_clears_up_and_leaves_foreign_things(self, index_copy: Path) -> None:
        IndexDirectory(index_copy).write_part("products", 1, lambda folder: (folder / "products.sqlite").touch())
        (index_copy / ".products-7.dead").mkdir()
        (index_copy / "notes").mkdir()
        (index_copy / "products-notes.txt").touch()
        ProductIndex.open(index_copy).delete([])
        manifest = IndexDirectory(index_copy).read_manifest()
        assert {path.name for path in index_copy.iterdir()} == {
            MANIFEST_FILE,
            LOCK_FILE,
            "notes",
            "products-notes.txt",
            "encoder-1",
            manifest.parts["products"].folder,
            manifest.parts["knowledge"].folder,
        }

    def test_the_manifest_describes_the_index(self, index_dir: Path, some_products: list[Product]) -> None:
        manifest = IndexDirectory(index_dir).read_manifest()
        assert (manifest.encoder_model, manifest.dimensions) == ("default", 384)
        assert manifest.parts["products"].count == len(some_products)
        assert sorted(manifest.parts["products"].sizes) == PRODUCT_FILES
        assert manifest.parts["products"].store == "flat"
        assert manifest.parts["products"].checksums.keys() == manifest.parts["products"].sizes.keys()
        assert sorted(manifest.parts["knowledge"].sizes) == KNOWLEDGE_FILES

    def test_nothing_in_an_index_is_pickled(self, index_dir: Path) -> None:
        endings = {path.suffix for path in index_dir.rglob("*") if path.is_file()}
        assert endings == {"", ".json", ".jsonl", ".onnx", ".safetensors", ".sqlite"}


class TestVerify:
    def test_a_whole_index(self, index_dir: Path) -> None:
        assert IndexDirectory(index_dir).verify() == IndexDirectory(index_dir).read_manifest()

    @pytest.mark.parametrize("kind", ["products", "knowledge"])
    def test_one_changed_byte_in_any_file(self, index_copy: Path, kind: str) -> None:
        for file in part_folder(index_copy, kind).iterdir():
            content = file.read_bytes()
            place = len(content) // 2
            file.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
            with pytest.raises(IndexUnusableError, match=r"is not what was written: its checksum differs") as caught:
                IndexDirectory(index_copy).verify()
            assert str(file) in str(caught.value)
            file.write_bytes(content)
        IndexDirectory(index_copy).verify()

    def test_the_encoder(self, index_copy: Path) -> None:
        file = index_copy / "encoder-1" / "tokenizer.json"
        file.write_bytes(file.read_bytes().replace(b"the", b"teh", 1))
        with pytest.raises(IndexUnusableError, match="a file is not what was written"):
            IndexDirectory(index_copy).verify()
