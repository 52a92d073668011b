"""Arrays of numbers in safetensors files that are mapped into memory rather than read."""

import json
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from shopllm_rasa.errors import IndexUnusableError

_TYPES: dict[str, Any] = {
    "F16": np.float16, "F32": np.float32, "F64": np.float64, "I8": np.int8, "U8": np.uint8, "I16": np.int16,
    "U16": np.uint16, "I32": np.int32, "U32": np.uint32, "I64": np.int64, "U64": np.uint64, "BOOL": np.bool_,
}  # fmt: skip
_NAMES = {np.dtype(kind): name for name, kind in _TYPES.items()}
_MAX_HEADER_BYTES = 1_000_000
# With this, and with the arrays of the widest numbers first, every number lies where the processor likes it.
_ALIGNMENT = 8


def write_arrays(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by name. The library's own writer holds all in a second copy; this one does not."""
    arrays = dict(sorted(arrays.items(), key=lambda item: -item[1].dtype.itemsize))
    shapes = {name: (array.dtype, array.shape) for name, array in arrays.items()}
    with file.open("wb") as stream:
        stream.write(_header(shapes))
        for array in arrays.values():
            stream.write(np.ascontiguousarray(array).data)


def new_arrays(file: Path, shapes: Mapping[str, tuple[Any, tuple[int, ...]]]) -> dict[str, np.ndarray]:
    """Makes a file of zeros and gives its arrays, which write into it: for what is larger than memory should hold.

    Args:
        file: replaced where it exists.
        shapes: name to type and shape.
    """
    typed = {name: (np.dtype(kind), shape) for name, (kind, shape) in shapes.items()}
    plain = dict(sorted(typed.items(), key=lambda item: -item[1][0].itemsize))
    header = _header(plain)
    offset = len(header)
    arrays: dict[str, np.ndarray] = {}
    with file.open("wb") as stream:
        stream.write(header)
        stream.truncate(offset + sum(_bytes(*entry) for entry in plain.values()))
    for name, (kind, shape) in plain.items():
        empty = 0 in shape
        arrays[name] = np.zeros(shape, kind) if empty else np.memmap(file, kind, "r+", offset, shape)
        offset += _bytes(kind, shape)
    return arrays


def _header(shapes: Mapping[str, tuple["np.dtype[Any]", tuple[int, ...]]]) -> bytes:
    entries, offset = {}, 0
    for name, (kind, shape) in shapes.items():
        end = offset + _bytes(kind, shape)
        entries[name] = {"dtype": _NAMES[kind], "shape": list(shape), "data_offsets": [offset, end]}
        offset = end
    text = json.dumps(entries, separators=(",", ":")).encode()
    text += b" " * (-len(text) % _ALIGNMENT)
    return len(text).to_bytes(8, "little") + text


def _bytes(kind: "np.dtype[Any]", shape: tuple[int, ...]) -> int:
    return kind.itemsize * int(np.prod(shape, dtype=np.int64))


class ArrayFile(Mapping[str, np.ndarray]):
    """The arrays of a safetensors file, read-only views of the file itself.

    The system reads what is used and can let it go again; processes that map the same file share its memory. The
    library's own reader gives copies, therefore the header (a length of eight bytes, then JSON) is read here.

    Raises:
        IndexUnusableError: if the file is damaged.
    """

    def __init__(self, file: Path) -> None:
        try:
            with file.open("rb") as stream:
                mapped = mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ)
            length = int.from_bytes(mapped[:8], "little")
            if length > _MAX_HEADER_BYTES:
                raise ValueError("its header is too long")
            header = json.loads(mapped[8 : 8 + length])
            self._arrays = {
                name: self._view(mapped, 8 + length, entry) for name, entry in header.items() if name != "__metadata__"
            }
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IndexUnusableError(f"'{file}' is damaged ({error}). Build the index again.") from None

    @staticmethod
    def _view(mapped: mmap.mmap, offset: int, entry: Mapping[str, Any]) -> np.ndarray:
        start, end = entry["data_offsets"]
        dtype = np.dtype(_TYPES[str(entry["dtype"])])
        shape = tuple(entry["shape"])
        if end - start != _bytes(dtype, shape):
            raise ValueError("an array is not as long as its shape says")
        if start == end:
            return np.zeros(shape, dtype)
        return np.frombuffer(mapped, dtype, (end - start) // dtype.itemsize, offset + start).reshape(shape)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
