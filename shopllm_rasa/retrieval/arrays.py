"""Arrays of numbers in safetensors files that are mapped into memory rather than read."""

import json
import mmap
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

from shopllm_rasa.errors import IndexUnusableError

_TYPES = {
    "F16": np.float16, "F32": np.float32, "F64": np.float64, "I8": np.int8, "U8": np.uint8, "I16": np.int16,
    "U16": np.uint16, "I32": np.int32, "U32": np.uint32, "I64": np.int64, "U64": np.uint64, "BOOL": np.bool_,
}  # fmt: skip
_MAX_HEADER_BYTES = 1_000_000


def write_arrays(file: Path, arrays: Mapping[str, np.ndarray]) -> None:
    """Writes arrays by name, without their being held in another copy."""
    save_file({name: np.ascontiguousarray(array) for name, array in arrays.items()}, file)


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
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise IndexUnusableError(f"'{file}' is damaged ({error}). Build the index again.") from None

    @staticmethod
    def _view(mapped: mmap.mmap, offset: int, entry: Mapping[str, object]) -> np.ndarray:
        start, end = entry["data_offsets"]  # type: ignore[misc]
        dtype = np.dtype(_TYPES[str(entry["dtype"])])
        shape = tuple(entry["shape"])  # type: ignore[arg-type, var-annotated]
        count = int(np.prod(shape, dtype=np.int64))
        if end - start != count * dtype.itemsize:
            raise ValueError("an array is not as long as its shape says")
        return np.frombuffer(mapped, dtype=dtype, count=count, offset=offset + start).reshape(shape)

    def __getitem__(self, name: str) -> np.ndarray:
        return self._arrays[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)
