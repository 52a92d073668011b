"""A vector store served by Milvus: a server, a cluster, or Milvus Lite, which is a file."""

import contextlib
import hashlib
import json
import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
from tenacity import Retrying, retry_if_exception_type, stop_after_attempt, wait_random_exponential

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import IndexUnusableError, VectorServerError
from shopllm_rasa.retrieval.arrays import ArrayFile, write_arrays
from shopllm_rasa.retrieval.exact_vectors import BLOCK, ExactVectors, checked
from shopllm_rasa.retrieval.milvus_filters import MAX_TERMS, NUMBER_FIELDS, TERM_FIELDS, expression, fields_of
from shopllm_rasa.settings import MilvusSettings, VectorSettings
from shopllm_rasa.storage import write_json

if TYPE_CHECKING:
    from pymilvus import MilvusClient

    from shopllm_rasa.retrieval.vectors import Allowed

logger = logging.getLogger(__name__)

T = TypeVar("T")

STATE_FILE = "milvus.json"
KEYS_FILE = "milvus-keys.safetensors"
# In the index directory: the collections that were made for it, so that none is forgotten on the server.
COLLECTIONS_FILE = "milvus-collections.json"

# The most hits that Milvus gives for a search.
_MAX_HITS = 16_384
# Its indexes are approximate: so many times k are asked for, and the exact vectors decide.
_CANDIDATES = 4
# Up to this share of new products a collection is changed, above it a new one is made.
_MAX_CHANGED_SHARE = 0.5
# After a failure the server is left alone for so long, and every search scans the vectors on disk.
_PAUSE_SECONDS = 30.0
_DELETED_AT_ONCE = 5_000


@dataclass(frozen=True)
class State:
    """Where the rows of an index lie on the server.

    Attributes:
        collection: the collection's name.
        version: rows that were added for a later version of the index are not looked at.
        keys: of the rows, in their order, int64.
        gone: of rows in the collection that are in the version before and no longer in this one; the next change
            removes them.
    """

    collection: str
    version: int
    keys: np.ndarray
    gone: np.ndarray

    @classmethod
    def load(cls, folder: Path) -> "State":
        """Reads what `save` wrote.

        Raises:
            IndexUnusableError: if it is damaged or missing.
        """
        file = folder / STATE_FILE
        try:
            values = json.loads(file.read_text(encoding="utf-8"))
            arrays = ArrayFile(folder / KEYS_FILE)
            return cls(str(values["collection"]), int(values["version"]), arrays["keys"], arrays["gone"])
        except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise IndexUnusableError(f"'{file}' is missing or damaged ({error}). Build the index again.") from None

    def save(self, folder: Path) -> None:
        """Writes it into the folder of an index's products."""
        write_arrays(folder / KEYS_FILE, {"keys": self.keys, "gone": self.gone})
        values = {"collection": self.collection, "version": self.version}
        (folder / STATE_FILE).write_text(json.dumps(values), encoding="utf-8")


class MilvusStore:
    """Searches with Milvus, filters included, and by scanning the vectors on disk while Milvus does not answer.

    A row's key on the server is a hash of its vector and of what filters look at. So a change of the index sends only
    rows that are new, and the collection serves the old version of the index and the new one at the same time: rows
    of a later version are excluded by their number, rows that have gone are dropped from the findings, and removed at
    the next change. An interrupted change leaves rows that no version looks at; the next one removes them.
    """

    def __init__(self, server: "Server", state: State, vectors: ExactVectors) -> None:
        self._server = server
        self._state = state
        self._order = np.argsort(state.keys, kind="stable")
        self._sorted = state.keys[self._order]
        self._vectors = vectors
        self._paused_until = 0.0

    @classmethod
    def write(cls, folder: Path, vectors: ExactVectors, products: Sequence[Product], settings: VectorSettings) -> None:
        """See `VectorStore.write`.

        Raises:
            VectorServerError: if Milvus cannot be reached or refuses.
        """
        keys = np.concatenate([np.zeros(0, np.int64), *(keys for keys, _ in _blocks(vectors, products))])
        if len(np.unique(keys)) != len(keys):
            raise VectorServerError("Two products have the same key in Milvus. Build with another vectors.store.")
        with contextlib.closing(Server(settings.milvus)) as server:
            _Change(server, folder.parent, keys).write(vectors, products).save(folder)

    @classmethod
    def open(cls, folder: Path, vectors: ExactVectors, settings: VectorSettings) -> "MilvusStore":
        """See `VectorStore.open`. A server that does not answer is no error: searches then scan.

        Raises:
            IndexUnusableError: if the files are damaged, or the server does not have the collection.
        """
        state = State.load(folder)
        if len(state.keys) != len(vectors):
            raise IndexUnusableError(f"'{folder / KEYS_FILE}' does not fit the index. Build the index again.")
        store = cls(Server(settings.milvus), state, vectors)
        try:
            known = store._server.has(state.collection)
        except VectorServerError as error:
            store._pause(error)
            return store
        if not known:
            raise IndexUnusableError(
                f"Milvus at {settings.milvus.uri} has no collection '{state.collection}'. Build the index again, or "
                "set vectors.milvus.uri and vectors.milvus.database to where it was built."
            )
        return store

    def search(self, vector: np.ndarray, k: int, allowed: "Allowed | None") -> np.ndarray:
        """See `VectorStore.search`."""
        if time.monotonic() >= self._paused_until:
            try:
                found = self._asked(vector, k, allowed)
            except VectorServerError as error:
                self._pause(error)
            else:
                if found is not None:
                    return found
        return self._scanned(vector, k, allowed)

    def _asked(self, vector: np.ndarray, k: int, allowed: "Allowed | None") -> np.ndarray | None:
        """What Milvus finds; None where it cannot give so many."""
        conditions = f"born <= {self._state.version}"
        if allowed is not None:
            said = expression(allowed.filters, with_not=self._server.knows_not)
            conditions += f" and {said}" if said else ""
        available = len(self._sorted) if allowed is None else len(allowed.rows)
        wanted = min(k, available)
        limit = min(_CANDIDATES * k + min(len(self._state.gone), k), _MAX_HITS)
        while True:
            keys = self._server.search(self._state.collection, vector, limit, conditions)
            rows = self._rows_of(keys)
            if allowed is not None:
                rows = rows[allowed.mask[rows]]
            if len(rows) >= wanted:
                return rows
            if limit >= _MAX_HITS:
                return None
            # Some of the hits were of an older version, or fulfil the conditions with several variants together.
            limit = min(limit * 4, _MAX_HITS)

    def _rows_of(self, keys: np.ndarray) -> np.ndarray:
        """The rows of keys; keys of other versions of the index are left out."""
        if not len(self._sorted):
            return np.zeros(0, np.int64)
        places = np.minimum(np.searchsorted(self._sorted, keys), len(self._sorted) - 1)
        return self._order[places[self._sorted[places] == keys]]

    def _scanned(self, vector: np.ndarray, k: int, allowed: "Allowed | None") -> np.ndarray:
        rows = np.arange(len(self._vectors)) if allowed is None else allowed.rows
        cosines = self._vectors.cosines(vector, rows)
        return rows if len(rows) <= k else rows[np.argpartition(-cosines, k)[:k]]

    def _pause(self, error: VectorServerError) -> None:
        self._paused_until = time.monotonic() + _PAUSE_SECONDS
        logger.warning("%s Searching without it for %d seconds.", error, _PAUSE_SECONDS)

    def stats(self) -> dict[str, Any]:
        """See `VectorStore.stats`."""
        return {"store": "milvus", "collection": self._state.collection}

    def close(self) -> None:
        """See `VectorStore.close`."""
        self._server.close()


class _Change:
    """Brings the server's rows to those of a new version of an index."""

    def __init__(self, server: "Server", index: Path, keys: np.ndarray) -> None:
        self._server = server
        self._index = index
        self._keys = keys
        self._version = time.time_ns()

    def write(self, vectors: ExactVectors, products: Sequence[Product]) -> State:
        """Writes the rows; gives where they are."""
        old = self._current()
        self._drop_collections(keep=old.collection if old else None)
        if old is not None:
            new = ~np.isin(self._keys, old.keys)
            if new.sum() <= _MAX_CHANGED_SHARE * len(new) and self._server.has(old.collection):
                self._clean(old)
                self._add(old.collection, vectors, products, new)
                gone = old.keys[~np.isin(old.keys, self._keys)]
                self._check(old.collection, len(self._keys) + len(gone))
                return State(old.collection, self._version, self._keys, gone)
        collection = f"{self._server.settings.collection}_{uuid.uuid4().hex[:12]}"
        self._remember([*self._remembered(), collection])
        self._server.create(collection, vectors.vectors.shape[1])
        self._add(collection, vectors, products, np.ones(len(self._keys), dtype=bool))
        self._check(collection, len(self._keys))
        return State(collection, self._version, self._keys, np.zeros(0, np.int64))

    def _current(self) -> State | None:
        """The version of the index that is in force, where its rows are on a server."""
        try:
            manifest = json.loads((self._index / "manifest.json").read_text(encoding="utf-8"))
            return State.load(self._index / manifest["parts"]["products"]["folder"])
        except (OSError, ValueError, KeyError, TypeError, IndexUnusableError):
            return None

    def _clean(self, state: State) -> None:
        """Removes what interrupted changes have added, and what is no longer in the version in force."""
        self._server.delete(state.collection, f"born > {state.version}")
        for start in range(0, len(state.gone), _DELETED_AT_ONCE):
            self._server.delete(state.collection, f"key in {state.gone[start : start + _DELETED_AT_ONCE].tolist()}")

    def _add(self, collection: str, vectors: ExactVectors, products: Sequence[Product], wanted: np.ndarray) -> None:
        batch: list[dict[str, Any]] = []
        row = 0
        for keys, fields in _blocks(vectors, products):
            for key, values in zip(keys.tolist(), fields, strict=True):
                if wanted[row]:
                    vector = checked(vectors.vectors[row].astype(np.float32))
                    batch.append({"key": key, "born": self._version, "vector": vector, **values})
                row += 1
                if len(batch) >= self._server.settings.batch_rows:
                    self._server.insert(collection, batch)
                    batch = []
        if batch:
            self._server.insert(collection, batch)
        self._server.flush(collection)

    def _check(self, collection: str, expected: int) -> None:
        found = self._server.count(collection)
        if found != expected:
            raise VectorServerError(
                f"Milvus has {found:,} products in '{collection}' where {expected:,} were written. Build again."
            )

    def _drop_collections(self, keep: str | None) -> None:
        """Drops collections of versions that are no longer in force, and of builds that were interrupted."""
        left = []
        for name in self._remembered():
            if name == keep:
                left.append(name)
                continue
            try:
                self._server.drop(name)
            except VectorServerError as error:
                logger.warning("%s It is tried again at the next change.", error)
                left.append(name)
        self._remember(left)

    def _remembered(self) -> list[str]:
        try:
            names = json.loads((self._index / COLLECTIONS_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return []
        return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []

    def _remember(self, names: list[str]) -> None:
        if names or (self._index / COLLECTIONS_FILE).is_file():
            write_json(self._index / COLLECTIONS_FILE, names)


class Server:
    """Milvus as this package uses it: each call with a timeout and a bounded number of tries."""

    def __init__(self, settings: MilvusSettings) -> None:
        self.settings = settings
        self._client: MilvusClient | None = None
        self._connecting = threading.Lock()

    @property
    def knows_not(self) -> bool:
        """Whether expressions may negate; Milvus Lite 2.5 cannot."""
        return not self.settings.is_file

    def has(self, collection: str) -> bool:
        """Whether there is such a collection."""
        timeout = self.settings.timeout_seconds
        return self._tried("look up", lambda client: bool(client.has_collection(collection, timeout=timeout)))

    def create(self, collection: str, dimensions: int) -> None:
        """Makes a collection for products."""
        from pymilvus import DataType

        def make(client: "MilvusClient") -> None:
            schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
            schema.add_field("key", DataType.INT64, is_primary=True)
            schema.add_field("born", DataType.INT64)
            schema.add_field("vector", DataType.FLOAT_VECTOR, dim=dimensions)
            for name in NUMBER_FIELDS:
                schema.add_field(name, DataType.INT64)
            schema.add_field("rating", DataType.DOUBLE)
            for name in ("available", "complete"):
                schema.add_field(name, DataType.BOOL)
            for name in TERM_FIELDS:
                schema.add_field(name, DataType.ARRAY, element_type=DataType.INT64, max_capacity=MAX_TERMS)
            index = client.prepare_index_params()
            # The inner product of unit vectors is the cosine.
            index.add_index("vector", index_type="AUTOINDEX", metric_type="IP")
            client.create_collection(
                collection,
                schema=schema,
                index_params=index,
                num_shards=self.settings.shards,
                consistency_level="Bounded",
                timeout=self.settings.write_timeout_seconds,
            )

        self._tried("make", make)

    def insert(self, collection: str, rows: list[dict[str, Any]]) -> None:
        """Adds rows; sent again, they replace what had arrived of them."""
        tries = 0

        def send(client: "MilvusClient") -> None:
            nonlocal tries
            tries += 1
            method = client.insert if tries == 1 else client.upsert
            method(collection, rows, timeout=self.settings.write_timeout_seconds)

        self._tried("write to", send)

    def flush(self, collection: str) -> None:
        """Has the server write down, and begin to index, what it got."""
        timeout = self.settings.write_timeout_seconds
        if not self.settings.is_file:  # Milvus Lite writes at once
            self._tried("flush", lambda client: client.flush(collection, timeout=timeout))

    def search(self, collection: str, vector: np.ndarray, limit: int, conditions: str) -> np.ndarray:
        """The keys of the nearest rows, int64, best first."""

        def ask(client: "MilvusClient") -> np.ndarray:
            (hits,) = client.search(
                collection,
                data=[vector.astype(np.float32)],
                limit=limit,
                filter=conditions,
                search_params={"metric_type": "IP"},
                timeout=self.settings.timeout_seconds,
            )
            return np.array([hit["id"] for hit in hits], dtype=np.int64)

        return self._tried("search", ask)

    def count(self, collection: str) -> int:
        """How many rows there are, those just written included."""

        def ask(client: "MilvusClient") -> int:
            (found,) = client.query(
                collection,
                filter="",
                output_fields=["count(*)"],
                consistency_level="Strong",
                timeout=self.settings.write_timeout_seconds,
            )
            return int(found["count(*)"])

        return self._tried("count", ask)

    def delete(self, collection: str, conditions: str) -> None:
        """Removes rows."""
        timeout = self.settings.write_timeout_seconds
        self._tried("delete from", lambda client: client.delete(collection, filter=conditions, timeout=timeout))

    def drop(self, collection: str) -> None:
        """Removes a collection; one that is not there is passed over."""
        timeout = self.settings.write_timeout_seconds
        self._tried("drop", lambda client: client.drop_collection(collection, timeout=timeout))

    def close(self) -> None:
        """Ends the connection."""
        if self._client is not None:
            self._client.close()
            self._client = None

    def _tried(self, what: str, call: Callable[["MilvusClient"], T]) -> T:
        client_class = _client_class()
        from grpc import RpcError
        from pymilvus import MilvusException

        tries = Retrying(
            stop=stop_after_attempt(1 + self.settings.retries),
            wait=wait_random_exponential(0.1, max=2),
            retry=retry_if_exception_type((MilvusException, RpcError)),
            reraise=True,
        )
        try:
            return tries(lambda: call(self._connected(client_class)))
        except (MilvusException, RpcError) as error:
            reason = str(getattr(error, "message", error)).strip().partition("\n")[0][:200]
            raise VectorServerError(f"Milvus at {self.settings.uri} could not {what} its data ({reason}).") from error

    def _connected(self, client_class: "type[MilvusClient]") -> "MilvusClient":
        with self._connecting:
            if self._client is None:
                if self.settings.is_file:
                    Path(self.settings.uri).parent.mkdir(parents=True, exist_ok=True)
                self._client = client_class(
                    uri=self.settings.uri,
                    token=self.settings.token or "",
                    db_name="" if self.settings.is_file else self.settings.database,
                    timeout=self.settings.timeout_seconds,
                    # Clients of the same server would share a connection, and the first to close it would end it.
                    alias=f"shopllm-{uuid.uuid4().hex}",
                )
            return self._client


def _client_class() -> "type[MilvusClient]":
    try:
        from pymilvus import MilvusClient
    except ImportError:
        raise VectorServerError(
            "vectors.store is 'milvus', but pymilvus is not installed. Install it: pip install 'shopllm-rasa[milvus]'"
        ) from None
    logging.getLogger("pymilvus").setLevel(
        logging.CRITICAL
    )  # it logs each failed try with its data; we log the outcome
    return MilvusClient


def _blocks(vectors: ExactVectors, products: Sequence[Product]) -> Iterator[tuple[np.ndarray, list[dict[str, Any]]]]:
    """The keys and fields of all rows, some thousand at a time."""
    block: list[dict[str, Any]] = []
    keys: list[int] = []
    for row, product in enumerate(products):
        fields = fields_of(product)
        digest = hashlib.blake2b(product.id.encode(), digest_size=8)
        digest.update(json.dumps(fields, sort_keys=True).encode())
        digest.update(vectors.vectors[row].tobytes())
        keys.append(int.from_bytes(digest.digest(), "big") >> 1)
        block.append(fields)
        if len(block) >= BLOCK:
            yield np.array(keys, dtype=np.int64), block
            block, keys = [], []
    if block:
        yield np.array(keys, dtype=np.int64), block
