"""Embeds a catalogue on a Ray cluster ahead of a build, by the encoder the build would use.

What comes out is what an interrupted build leaves: chunks of keys and vectors beside the index. `ProductIndex.build`
then finds each text embedded already. An interruption here costs no more than there: what was embedded stays.
"""

import contextlib
import logging
import os
import socket
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from tqdm import tqdm

from shopllm_rasa.encoders import SentenceEncoder
from shopllm_rasa.encoders.sentence_encoder import GRAPH_FILE, INFO_FILE, TOKENIZER_FILE, WEIGHTS_FILE
from shopllm_rasa.errors import ClusterError, IndexUnusableError
from shopllm_rasa.retrieval.embedding import CHUNK, KnownVectors, Unfinished
from shopllm_rasa.retrieval.exact_vectors import ExactVectors, checked, text_keys
from shopllm_rasa.retrieval.index_directory import IndexDirectory
from shopllm_rasa.retrieval.product_index import PRODUCTS_KIND, UNFINISHED_FOLDER

# Texts handed to the cluster at once, and so held in memory here; at its end workers wait for the last of them.
WINDOW = 131_072
# Shared memory of a cluster of this machine alone: a few windows of texts and vectors, and the encoder.
_OBJECT_STORE_BYTES = 1_000_000_000
_REACH_SECONDS = 10.0
_ENCODER_FILES = (INFO_FILE, GRAPH_FILE, WEIGHTS_FILE, TOKENIZER_FILE)


# Ray is told to report to nobody, and not to warn of a change that concerns graphics cards.
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0"}


@dataclass(frozen=True)
class EmbeddingReport:
    """What was done.

    Attributes:
        texts: how many the catalogue has.
        known: how many of them had vectors already, or are repeated.
        embedded: how many the cluster embedded.
    """

    texts: int
    known: int
    embedded: int


class _Embedder:
    """A worker of the cluster: holds an encoder and embeds a chunk a call."""

    def __init__(self, files: Any, threads: int) -> None:
        import ray

        # The encoder travels through the cluster's own store, so that machines need no shared folder.
        content: Mapping[str, bytes] = ray.get(files)
        with tempfile.TemporaryDirectory(prefix="shopllm-encoder-") as folder:
            for name, data in content.items():
                (Path(folder) / name).write_bytes(data)
            self._encoder = SentenceEncoder.open(folder, threads)

    def __call__(self, batch: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        vectors = checked(self._encoder.encode([str(text) for text in batch["text"]]))
        return {"key": batch["key"], "vector": vectors.astype(np.float16)}


def embed_ahead(
    texts: Iterable[str],
    path: str | Path,
    *,
    model: str = "default",
    workers: int = 1,
    threads: int = 1,
    address: str | None = None,
    progress: bool = False,
) -> EmbeddingReport:
    """Embeds what an index does not have yet, and leaves it for the next build of the index.

    Args:
        texts: the products' `search_text`; read once, and not held in memory.
        path: the index directory; made where it does not exist.
        model: the encoder, see `load_model`.
        workers: how many embed at once, wherever the cluster has room.
        threads: CPU cores of a worker.
        address: of a running cluster ("auto", "ray://head:10001"); None starts one on this machine and ends it.
        progress: whether to show a progress bar on standard error.

    Raises:
        ClusterError: if Ray is not installed, the cluster is not reached, or it fails in the middle.
        EncoderError: if there is no such encoder.
        IndexBusyError: if another process changes the index.
    """
    ray = _import_ray()
    directory = IndexDirectory(path)
    with directory.writing():
        encoder = directory.prepare_encoder(model, threads)
        unfinished = Unfinished(directory.path / UNFINISHED_FOLDER)
        known = _known(directory, encoder, unfinished)
        with _cluster(ray, address, workers * threads):
            files = ray.put({name: (encoder.folder / name).read_bytes() for name in _ENCODER_FILES})
            return _embed(ray, texts, encoder, known, unfinished, (files, threads), workers, progress)


def _embed(
    ray: Any,
    texts: Iterable[str],
    encoder: SentenceEncoder,
    known: KnownVectors,
    unfinished: Unfinished,
    arguments: tuple[Any, int],
    workers: int,
    progress: bool,
) -> EmbeddingReport:
    remaining, total, embedded = iter(texts), 0, 0
    with tqdm(desc="embedding products", disable=not progress, unit="text") as bar:
        while window := list(islice(remaining, WINDOW)):
            total += len(window)
            tables = list(_unknown(window, encoder, known))
            missing = sum(len(table["key"]) for table in tables)
            bar.update(len(window) - missing)
            for keys, vectors in _results(ray, tables, arguments, workers):
                unfinished.keep(encoder, keys, vectors)
                known.add(keys, vectors)
                embedded += len(keys)
                bar.update(len(keys))
    return EmbeddingReport(total, total - embedded, embedded)


def _unknown(texts: list[str], encoder: SentenceEncoder, known: KnownVectors) -> Iterator[dict[str, Any]]:
    """The texts without vectors, each once, in chunks of like length."""
    keys = text_keys(texts)
    done = known.fill(keys, np.zeros((len(texts), encoder.info.dimensions), np.float16))
    _, first = np.unique(keys, return_index=True)
    rows = sorted((row for row in first if not done[row]), key=lambda row: len(texts[row]))
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        yield {"key": keys[chunk], "text": [texts[row] for row in chunk]}


def _results(
    ray: Any, tables: list[dict[str, Any]], arguments: tuple[Any, int], workers: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """The vectors of chunks, as the cluster gets ready with them."""
    import pyarrow

    if not tables:
        return
    try:
        data = ray.data.from_arrow([pyarrow.table(table) for table in tables]).map_batches(
            _Embedder,
            fn_constructor_args=arguments,
            compute=ray.data.ActorPoolStrategy(size=min(workers, len(tables))),
            num_cpus=arguments[1],
            batch_size=None,
            batch_format="numpy",
        )
        for batch in data.iter_batches(batch_size=None, batch_format="numpy"):
            yield np.asarray(batch["key"], np.uint64), np.asarray(batch["vector"], np.float16)
    except ray.exceptions.RayError as error:
        raise ClusterError(
            f"The cluster failed: {str(error).strip().splitlines()[-1][:300]}. What was embedded is kept; start again."
        ) from error


def _known(directory: IndexDirectory, encoder: SentenceEncoder, unfinished: Unfinished) -> KnownVectors:
    """The vectors of this encoder that the index has, and those that wait for a build."""
    known = KnownVectors()
    for keys, vectors in unfinished.known(encoder):
        known.add(keys, vectors)
    try:
        manifest = directory.read_manifest()
        part = manifest.parts.get(PRODUCTS_KIND)
        if part is not None and manifest.encoder_fingerprint == encoder.info.fingerprint:
            old = ExactVectors.load(directory.path / part.folder, manifest.dimensions)
            known.add(old.keys, old.vectors)
    except IndexUnusableError:
        pass  # there is none yet, or the build will replace it
    return known


def _import_ray() -> Any:
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
        import ray.data
    except ImportError:
        raise ClusterError("Ray is not installed. Install it with: pip install 'shopllm-rasa[ray]'") from None
    return ray


@contextlib.contextmanager
def _cluster(ray: Any, address: str | None, cores: int) -> Iterator[None]:
    """Joins a cluster, or starts one on this machine, and leaves it at the end."""
    options: dict[str, Any] = {"configure_logging": False, "log_to_driver": False}
    if address is None:
        options |= {"num_cpus": cores, "include_dashboard": False, "object_store_memory": _OBJECT_STORE_BYTES}
    where = f"at '{address}'" if address else "on this machine"
    try:
        _check_reachable(address)
        ray.init(address, **options)
    except (OSError, RuntimeError, ValueError) as error:
        raise ClusterError(f"There is no Ray cluster {where}: {str(error).splitlines()[0][:300]}") from None
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield
    finally:
        ray.shutdown()


def _check_reachable(address: str | None) -> None:
    """Connects for a moment: Ray itself would try for minutes, and then end the process.

    Raises:
        OSError: if nothing listens there.
        ValueError: if it is no address.
    """
    if address is None or address in ("auto", "local"):
        return
    found = urlsplit(address if "://" in address else f"ray://{address}")
    if found.hostname is None or found.port is None:
        raise ValueError("expected auto, HOST:PORT or ray://HOST:PORT")
    with socket.create_connection((found.hostname, found.port), timeout=_REACH_SECONDS):
        pass
