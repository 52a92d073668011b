"""The index directory: what lies where, and how it changes without ever being half there.

    DIR/manifest.json            names everything below; replaced last, in one step
    DIR/encoder-<number>/        the sentence encoder the vectors were made with
    DIR/products-<number>/       see `product_part`
    DIR/knowledge-<number>/      see `knowledge_index`
    DIR/.lock                    held by the one who changes the index

A part is written as a new folder and counts only from the moment the manifest names it. A crash at any
moment therefore leaves the old index or the new one. Folders that no manifest names are removed by the
next writer.
"""

import contextlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeVar

from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.errors import EncoderError, IndexUnusableError
from shopllm_rasa.retrieval.writer_lock import WriterLock
from shopllm_rasa.storage import new_directory, sha256_of, sync, write_json

MANIFEST_FILE = "manifest.json"
FORMAT_VERSION = 3
LOCK_FILE = ".lock"
_REBUILD = "Build it again: shopllm index build --catalog FILE --out DIR"
# A reader begins again when a writer's commit takes away what it was about to read.
_READ_TRIES = 10
T = TypeVar("T")


@dataclass(frozen=True)
class Part:
    """One folder of the index.

    Attributes:
        folder: its name in the index directory.
        count: products or passages in it.
        sizes: file name to bytes, by which a truncated file is noticed at once.
        checksums: file name to SHA-256 in hex, for `IndexDirectory.verify`.
        store: the vector store that searches it; empty where it has none.
    """

    folder: str
    count: int
    sizes: dict[str, int]
    checksums: dict[str, str]
    store: str = ""


@dataclass(frozen=True)
class Manifest:
    """What the index consists of."""

    encoder_model: str
    encoder_fingerprint: str
    encoder_folder: str
    dimensions: int
    parts: dict[str, Part] = field(default_factory=dict)
    created: str = ""
    format_version: int = FORMAT_VERSION


class IndexDirectory:
    """An index on disk, for any number of readers and one writer at a time, in any processes."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)

    @contextlib.contextmanager
    def writing(self, wait_seconds: float = 60.0) -> Iterator[None]:
        """Keeps other writers away while the block runs; every change of the index happens in one.

        Raises:
            IndexBusyError: if another writer has not finished in time, saying who.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with WriterLock(self.path / LOCK_FILE, f"The index '{self.path}'", wait_seconds):
            yield

    @property
    def version(self) -> tuple[int, int] | None:
        """What differs between two manifests, None where there is none: the way to notice a change."""
        try:
            status = (self.path / MANIFEST_FILE).stat()
        except OSError:
            return None
        return status.st_ino, status.st_mtime_ns

    def read_manifest(self) -> Manifest:
        """Reads the manifest and checks that every file it names is whole.

        Raises:
            IndexUnusableError: saying what is missing or cut and what to do.
        """
        file = self.path / MANIFEST_FILE
        if not file.is_file():
            unfinished = self.path.is_dir() and any(self.path.iterdir())
            state = "was never finished" if unfinished else "does not exist"
            raise IndexUnusableError(f"The index '{self.path}' {state}. {_REBUILD}")
        try:
            values: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
            version = values.get("format_version")
            if version != FORMAT_VERSION:
                raise IndexUnusableError(
                    f"The index '{self.path}' has format {version}; this version reads {FORMAT_VERSION}. {_REBUILD}"
                )
            parts = {name: Part(**part) for name, part in values.pop("parts").items()}
            manifest = Manifest(**values, parts=parts)
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IndexUnusableError(f"'{file}' is damaged ({error}). {_REBUILD}") from None
        for part in manifest.parts.values():
            for name, size in part.sizes.items():
                target = self.path / part.folder / name
                found = target.stat().st_size if target.is_file() else None
                if found != size:
                    state = "is missing" if found is None else f"has {found:,} bytes instead of {size:,}"
                    raise IndexUnusableError(f"'{target}' {state}. {_REBUILD}")
        return manifest

    def read(self, load: Callable[[Manifest], T]) -> T:
        """Loads what the manifest names, again where a writer replaced it while it was read.

        Raises:
            IndexUnusableError: if the index is missing, incomplete or damaged.
        """
        problem: Exception | None = None
        for _ in range(_READ_TRIES):
            before = self.version
            try:
                return load(self.read_manifest())
            except (IndexUnusableError, OSError) as error:
                problem = error
                if self.version == before:
                    break
        if isinstance(problem, IndexUnusableError):
            raise problem
        raise IndexUnusableError(f"The index '{self.path}' cannot be read ({problem}). {_REBUILD}")

    def verify(self) -> Manifest:
        """Reads every byte of the index and compares it with what was written.

        Raises:
            IndexUnusableError: naming the first file that is not what was written.
        """

        def check(manifest: Manifest) -> Manifest:
            self.open_encoder(manifest)
            for part in manifest.parts.values():
                for name, checksum in part.checksums.items():
                    file = self.path / part.folder / name
                    if sha256_of(file) != checksum:
                        raise IndexUnusableError(f"'{file}' is not what was written: its checksum differs. {_REBUILD}")
            return manifest

        return self.read(check)

    def open_encoder(self, manifest: Manifest, model: str | None = None, threads: int = 2) -> SentenceEncoder:
        """Loads the encoder of the index.

        Args:
            manifest: of this index.
            model: the encoder the caller means to use; None accepts what is there.
            threads: CPU threads a query may use.

        Raises:
            IndexUnusableError: if the index was built with another encoder or its encoder is damaged.
        """
        if model is not None and model != manifest.encoder_model:
            raise IndexUnusableError(
                f"The index '{self.path}' was built with the encoder '{manifest.encoder_model}', but the settings "
                f"name '{model}'. {_REBUILD}, or set encoder.model to '{manifest.encoder_model}'."
            )
        try:
            encoder = SentenceEncoder.open(self.path / manifest.encoder_folder, threads)
        except EncoderError as error:
            raise IndexUnusableError(f"{error} {_REBUILD}") from None
        if encoder.info.fingerprint != manifest.encoder_fingerprint:
            raise IndexUnusableError(
                f"The encoder in '{encoder.folder}' is not the one the index '{self.path}' was built with. {_REBUILD}"
            )
        return encoder

    def prepare_encoder(self, model: str, threads: int = 2) -> SentenceEncoder:
        """Gives the encoder for a build, exporting the model where this index does not have it yet.

        Raises:
            EncoderError: if there is no such model.
        """
        try:
            return self.open_encoder(self.read_manifest(), model, threads)
        except IndexUnusableError:
            from shopllm_rasa.encoders.export import export_encoder, load_model

            loaded = load_model(model)
            number = self._free_number("encoder")
            with new_directory(self.path / f"encoder-{number}") as folder:
                export_encoder(loaded, folder, model)
            return SentenceEncoder.open(self.path / f"encoder-{number}", threads)

    def write_part(self, kind: str, count: int, write: Callable[[Path], None]) -> Part:
        """Writes one part into a folder of its own; it counts once `commit` names it."""
        name = f"{kind}-{self._free_number(kind)}"
        with new_directory(self.path / name) as folder:
            write(folder)
            files = sorted(folder.iterdir())
            for file in files:
                sync(file)
            sizes = {file.name: file.stat().st_size for file in files}
            checksums = {file.name: sha256_of(file) for file in files}
            sync(folder)
        return Part(name, count, sizes, checksums)

    def commit(self, encoder: SentenceEncoder, parts: dict[str, Part]) -> Manifest:
        """Makes `parts` the index, in one step, and removes what no manifest names any more."""
        manifest = Manifest(
            encoder_model=encoder.info.model,
            encoder_fingerprint=encoder.info.fingerprint,
            encoder_folder=encoder.folder.name,
            dimensions=encoder.info.dimensions,
            parts=parts,
            created=datetime.now(timezone.utc).isoformat(timespec="seconds"),
        )
        write_json(self.path / MANIFEST_FILE, asdict(manifest))
        keep = {MANIFEST_FILE, manifest.encoder_folder, *(part.folder for part in parts.values())}
        for entry in self.path.iterdir():
            if entry.name not in keep and entry.is_dir() and _is_part(entry.name):
                shutil.rmtree(entry, ignore_errors=True)
        return manifest

    def _free_number(self, kind: str) -> int:
        numbers = [0]
        for entry in self.path.glob(f"{kind}-*"):
            suffix = entry.name.removeprefix(f"{kind}-")
            if suffix.isdigit():
                numbers.append(int(suffix))
        return max(numbers) + 1


def _is_part(name: str) -> bool:
    """Only folders this module makes are ever removed; users may keep other things beside them."""
    return name.lstrip(".").split("-")[0] in ("encoder", "products", "knowledge")
