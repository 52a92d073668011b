import contextlib
import io
import os
import random
import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from shopllm_rasa.encoders import model_archive
from shopllm_rasa.encoders.intent_model import IntentSentimentModel
from shopllm_rasa.encoders.model_archive import find_archive, unpacked_classifier
from shopllm_rasa.errors import EncoderError

FOLDER = "components/train_shopllm_rasa.nlu.IntentSentimentClassifier1"
CONTENTS = {
    "metadata.json": b"{}",
    "components/train_RulePolicy1/rule_policy.json": b"{}",
    f"{FOLDER}/classifier.json": b"first",
    f"{FOLDER}/encoder/graph.onnx": b"graph",
}
Write = Callable[..., Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Writes an archive of files, and of members made by hand."""

    def write_archive(
        files: dict[str, bytes] = CONTENTS, members: Iterable[tarfile.TarInfo] = (), name: str = "shop.tar.gz"
    ) -> Path:
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        with tarfile.open(path, "w:gz") as tar:
            for place, content in files.items():
                member = tarfile.TarInfo(place)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            for member in members:
                tar.addfile(member)
        return path

    return write_archive


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, target
    return member


def found_in(path: Path) -> dict[str, bytes]:
    with unpacked_classifier(path) as folder:
        return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def problem(path: Path) -> str:
    with pytest.raises(EncoderError) as caught, unpacked_classifier(path):
        pass
    return str(caught.value)


class TestUnpacking:
    def test_the_classifier_s_files_alone(self, write: Write) -> None:
        assert found_in(write()) == {"classifier.json": b"first", "encoder/graph.onnx": b"graph"}

    def test_they_are_gone_afterwards(self, write: Write) -> None:
        with unpacked_classifier(write()) as folder:
            assert folder.is_dir()
        assert not folder.exists()

    def test_folders_and_a_leading_dot(self, write: Write) -> None:
        folder = tarfile.TarInfo(f"./{FOLDER}")
        folder.type = tarfile.DIRTYPE
        files = {f"./{name}": content for name, content in CONTENTS.items()}
        assert found_in(write(files, [folder])) == {"classifier.json": b"first", "encoder/graph.onnx": b"graph"}

    def test_of_two_the_later_in_the_pipeline(self, write: Write) -> None:
        earlier, later = (FOLDER[:-1] + number for number in ("2", "10"))
        files = {f"{later}/classifier.json": b"later", f"{earlier}/classifier.json": b"earlier"}
        assert found_in(write(files)) == {"classifier.json": b"later"}

    def test_an_error_names_the_archive(self, write: Write) -> None:
        path = write()
        with pytest.raises(EncoderError) as caught, unpacked_classifier(path) as folder:
            IntentSentimentModel.load(folder)
        assert str(caught.value).startswith(f"The classifier in '{path}' cannot be loaded: ")
        assert str(folder) not in str(caught.value)

    def test_what_rasa_wrote(self, tmp_path: Path) -> None:
        from rasa.engine.graph import GraphModelConfiguration, GraphSchema
        from rasa.engine.storage.local_model_storage import LocalModelStorage
        from rasa.engine.storage.resource import Resource
        from rasa.shared.core.domain import Domain
        from rasa.shared.data import TrainingType

        (tmp_path / "storage").mkdir()
        storage = LocalModelStorage(tmp_path / "storage")
        with storage.write_to(Resource(FOLDER.split("/")[1])) as folder:
            (folder / "encoder").mkdir()
            (folder / "classifier.json").write_text("first")
            (folder / "encoder" / "graph.onnx").write_text("graph")
        empty = GraphSchema({})
        schema = GraphModelConfiguration(empty, empty, TrainingType.NLU, "shop", "en", None, "classifier")
        storage.create_model_package(tmp_path / "shop.tar.gz", schema, Domain.empty())
        assert found_in(tmp_path / "shop.tar.gz") == {"classifier.json": b"first", "encoder/graph.onnx": b"graph"}


class TestChoice:
    def test_the_newest_in_a_folder(self, write: Write, tmp_path: Path) -> None:
        for age, name in ((30, "z.tar.gz"), (10, "b.tar.gz"), (20, "c.tar.gz")):
            path = write(name=f"models/{name}")
            os.utime(path, (1e9 - age, 1e9 - age))
        (tmp_path / "models" / "notes.txt").write_text("newer")
        (tmp_path / "models" / "unpacked.tar.gz").mkdir()
        assert find_archive(tmp_path / "models") == tmp_path / "models" / "b.tar.gz"

    def test_a_file_is_taken_by_whatever_name(self, write: Write) -> None:
        assert found_in(write(name="model")) == found_in(write())

    def test_nothing_there(self, tmp_path: Path) -> None:
        path = tmp_path / "nowhere"
        assert problem(path) == (f"There is no model '{path}'. Train one (rasa train), or name another with --model.")

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        assert problem(tmp_path) == (
            f"There is no model (.tar.gz) in the folder '{tmp_path}'. Train one (rasa train), or name another with "
            "--model."
        )


class TestProblems:
    def test_a_bot_without_the_classifier(self, write: Write) -> None:
        path = write({"metadata.json": b"{}", "components/train_DIETClassifier1/checkpoint": b""})
        assert problem(path).startswith(f"The model '{path}' holds no trained IntentSentimentClassifier. Put ")

    @pytest.mark.parametrize("place", ["classifier.json", "x/classifier.json", "a/b/classifier.json", f"{FOLDER}/x/y"])
    def test_a_description_in_another_place(self, write: Write, place: str) -> None:
        assert "holds no trained IntentSentimentClassifier" in problem(write({place: b"{}"}))

    @pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"not a model\n" * 1_000, b"\x1f\x8b"])
    def test_a_file_that_is_no_archive(self, tmp_path: Path, content: bytes) -> None:
        path = tmp_path / "shop.tar.gz"
        path.write_bytes(content)
        assert problem(path).startswith(f"'{path}' cannot be read as a Rasa model (.tar.gz): ")

    @pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
    def test_a_cut_archive(self, write: Write, share: float) -> None:
        noise = random.Random(1).randbytes(100_000)
        path = write({**CONTENTS, f"{FOLDER}/heads.safetensors": noise})
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * share)])
        assert problem(path).startswith(f"'{path}' cannot be read as a Rasa model (.tar.gz): ")

    @pytest.mark.parametrize("seed", range(20))
    def test_changed_bytes_end_in_our_errors_alone(self, write: Write, seed: int) -> None:
        draw = random.Random(seed)
        path = write({**CONTENTS, f"{FOLDER}/heads.safetensors": draw.randbytes(5_000)})
        content = bytearray(path.read_bytes())
        for _ in range(3):
            content[draw.randrange(len(content))] ^= draw.randrange(1, 256)
        path.write_bytes(content)
        with contextlib.suppress(EncoderError):
            found_in(path)


class TestHostileArchives:
    @pytest.mark.parametrize(
        "place",
        [
            f"{FOLDER}/../../../outside",
            "../outside",
            f"{FOLDER}/encoder/../../../../outside",
            "/tmp/shopllm-outside",
            "components/../classifier.json",
        ],
    )
    def test_places_outside_are_left_out(self, write: Write, tmp_path: Path, place: str) -> None:
        files = found_in(write({**CONTENTS, place: b"gotcha"}))
        assert files == {"classifier.json": b"first", "encoder/graph.onnx": b"graph"}
        assert not list(tmp_path.rglob("outside"))
        assert not Path("/tmp/shopllm-outside").exists()

    @pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
    def test_links_are_left_out(self, write: Write, kind: bytes) -> None:
        members = [link(f"{FOLDER}/secret", "/etc/passwd", kind), link(f"{FOLDER}/up", "../../..", kind)]
        assert set(found_in(write(members=members))) == {"classifier.json", "encoder/graph.onnx"}

    def test_a_link_as_the_folder_itself(self, write: Write, tmp_path: Path) -> None:
        path = write({f"{FOLDER}/classifier.json": b"first"}, [link(f"{FOLDER}/encoder", str(tmp_path))])
        assert found_in(path) == {"classifier.json": b"first"}

    @pytest.mark.parametrize("kind", [tarfile.FIFOTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE])
    def test_devices_are_left_out(self, write: Write, kind: bytes) -> None:
        member = tarfile.TarInfo(f"{FOLDER}/device")
        member.type = kind
        assert set(found_in(write(members=[member]))) == {"classifier.json", "encoder/graph.onnx"}

    def test_too_large(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(model_archive, "MAX_BYTES", 2**30)
        path = write()
        big = tarfile.TarInfo(f"{FOLDER}/big")
        big.size = 2**31
        with tarfile.open(path, "w:gz") as tar:
            tar.fileobj.write(big.tobuf())
        assert problem(path) == f"'{path}' is no model that rasa train wrote: allowed are 10,000 files and 1 GB."

    def test_too_many(self, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(model_archive, "MAX_FILES", 3)
        assert "allowed are 3 files" in problem(write())
