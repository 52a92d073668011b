"""Describes a whole catalogue: in order, several at a time, and going on where a run was interrupted."""

import contextlib
import fcntl
import hashlib
import json
import os
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

from shopllm_rasa.catalog import Product
from shopllm_rasa.errors import ShopDataError
from shopllm_rasa.insights.composer import Length, Tone, facts_of
from shopllm_rasa.insights.descriptions import COMPOSED, NO_REPLY, DescriptionWriter, ProductDescription

# Bumped when a text is composed in another way: what an earlier version wrote is then written again.
_VERSION = 1
_WAITING_FOR_EACH_JOB = 4


@dataclass
class RunReport:
    """What a run did.

    Attributes:
        described: products described in this run.
        kept: products whose description of an earlier run was kept, for nothing about them has changed.
        by_model: of the described, those whose text a model wrote.
        composed: of the described, those composed from the data.
        refusals: how often a model's text was refused, by reason.
        examples: one refusal a reason, as `product id: detail`.
    """

    described: int = 0
    kept: int = 0
    by_model: int = 0
    composed: int = 0
    refusals: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def add(self, item: ProductDescription) -> None:
        """Counts a description."""
        self.described += 1
        if item.backend == COMPOSED:
            self.composed += 1
        else:
            self.by_model += 1
        for refusal in item.refused:
            self.refusals[refusal.reason] += 1
            self.examples.setdefault(refusal.reason, f"{item.product_id}: {refusal.detail}")

    def to_dict(self) -> dict[str, Any]:
        """A JSON-ready mapping."""
        return {**vars(self), "refusals": dict(self.refusals)}


def describe_catalog(
    products: Iterable[Product],
    writer: DescriptionWriter,
    out: Path,
    *,
    tone: Tone = "plain",
    length: Length = "medium",
    jobs: int = 4,
    advance: Callable[[], None] = lambda: None,
) -> RunReport:
    """Writes a description of each product to a JSONL file, in the order of the products.

    While it runs, the lines go to `<out>.part`, which takes the place of `out` in one step at the end. A line carries
    a digest of all it was made from; a product whose digest is found in `out`, or in what an interrupted run left, is
    not described again.

    Args:
        products: what is described; read as needed, never all at once.
        writer: what describes them.
        out: the JSONL file.
        tone: the tone of all texts.
        length: the length of all texts.
        jobs: how many are described at a time.
        advance: called after each product.

    Returns:
        What was done and what was refused.

    Raises:
        ShopDataError: if another run writes to the same file.
    """
    out.parent.mkdir(parents=True, exist_ok=True)
    part = out.with_name(f"{out.name}.part")
    report = RunReport()
    with _locked(part), contextlib.ExitStack() as files:
        earlier = part.with_name(f"{part.name}.earlier")
        if part.stat().st_size:
            _append(part, earlier)
        lines = _Lines([file for file in (earlier, out) if file.exists()], files)
        with part.open("w", encoding="utf-8") as stream, ThreadPoolExecutor(jobs) as pool:
            waiting: deque[tuple[str, str | None, Future[ProductDescription] | None]] = deque()

            def write_first() -> None:
                digest, line, future = waiting.popleft()
                if future is not None:
                    item = future.result()
                    report.add(item)
                    # Where the model could not be reached, the next run shall try again.
                    lasting = all(refusal.reason != NO_REPLY for refusal in item.refused)
                    line = json.dumps({**item.to_dict(), "digest": digest if lasting else None}, ensure_ascii=False)
                else:
                    report.kept += 1
                stream.write(f"{line}\n")
                stream.flush()
                advance()

            try:
                for product in products:
                    digest = _digest(product, tone, length, writer.name)
                    line = lines.find(digest)
                    future = None if line is not None else pool.submit(writer.describe, product, tone, length)
                    waiting.append((digest, line, future))
                    if len(waiting) > jobs * _WAITING_FOR_EACH_JOB:
                        write_first()
                while waiting:
                    write_first()
            except BaseException:
                for _, _, future in waiting:
                    if future is not None:
                        future.cancel()
                raise
            os.fsync(stream.fileno())
        part.replace(out)
        earlier.unlink(missing_ok=True)
    return report


class _Lines:
    """Finds the lines of earlier runs by their digest; only their places are kept in memory."""

    def __init__(self, files: Iterable[Path], stack: contextlib.ExitStack) -> None:
        self._places: dict[str, tuple[IO[bytes], int]] = {}
        for file in files:
            stream = stack.enter_context(file.open("rb"))
            for digest, place in _digests(stream):
                self._places.setdefault(digest, (stream, place))

    def find(self, digest: str) -> str | None:
        """The line that was made from the same."""
        if digest not in self._places:
            return None
        stream, place = self._places[digest]
        stream.seek(place)
        return stream.readline().decode().rstrip("\n")


def _digests(stream: IO[bytes]) -> Iterator[tuple[str, int]]:
    place = 0
    for line in stream:
        # The last line of an interrupted run may be torn.
        with contextlib.suppress(ValueError, TypeError, AttributeError, RecursionError):
            digest = json.loads(line).get("digest")
            if isinstance(digest, str) and line.endswith(b"\n"):
                yield digest, place
        place += len(line)


def _digest(product: Product, tone: Tone, length: Length, backend: str) -> str:
    parts = [str(_VERSION), product.id, facts_of(product), tone, length, backend]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:32]


def _append(source: Path, target: Path) -> None:
    """Adds what an interrupted run wrote to what those before it wrote."""
    with source.open("rb") as read, target.open("ab") as write:
        for line in read:
            if line.endswith(b"\n"):
                write.write(line)
        write.flush()
        os.fsync(write.fileno())


@contextlib.contextmanager
def _locked(part: Path) -> Iterator[None]:
    with part.open("a") as stream:
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ShopDataError(f"Another run is writing to '{part}'. Wait for it, or name another file.") from None
        yield
