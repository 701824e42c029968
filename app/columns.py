"""Column types: arrays that carry their dtype and shape, and times that always know their zone."""

import math
import struct
from datetime import UTC, datetime
from typing import Literal, cast

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import DateTime, LargeBinary
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator

DType = Literal["<f4", "<i4"]
Array = NDArray[np.float32] | NDArray[np.int32]

_MAGIC = b"IX1"


def pack(array: Array, dtype: DType) -> bytes:
    """`array` as little-endian bytes behind a header: magic, dtype, number of axes, their lengths."""
    values = np.ascontiguousarray(array, dtype=np.dtype(dtype))
    header = _MAGIC + dtype.encode() + struct.pack(f"<B{values.ndim}I", values.ndim, *values.shape)
    return header + values.tobytes()


def unpack(data: bytes) -> Array:
    """The array that `pack` wrote; ValueError when the bytes are not one, or were cut short."""
    if data[:3] != _MAGIC or len(data) < 7:
        raise ValueError(f"Not a stored array: it begins with {data[:8]!r}.")
    dtype, axes = np.dtype(data[3:6].decode()), data[6]
    start = 7 + 4 * axes
    shape = struct.unpack(f"<{axes}I", data[7:start])
    expected = math.prod(shape) * dtype.itemsize
    if len(data) - start != expected:
        raise ValueError(f"A stored array of shape {shape} needs {expected} bytes and has {len(data) - start}.")
    return cast(Array, np.frombuffer(data, dtype, offset=start).reshape(shape))


class TypedArray(TypeDecorator[Array]):
    """A numpy array in a blob. The column fixes dtype and number of axes; the blob itself says its shape."""

    impl = LargeBinary
    cache_ok = True

    def __init__(self, dtype: DType = "<f4", axes: int = 1) -> None:
        super().__init__()
        self.dtype: DType = dtype
        self.axes = axes

    def process_bind_param(self, value: Array | None, dialect: Dialect) -> bytes | None:  # noqa: ARG002
        if value is None:
            return None
        if value.ndim != self.axes:
            raise ValueError(f"This column holds arrays of {self.axes} axes, not of shape {value.shape}.")
        return pack(value, self.dtype)

    def process_result_value(self, value: bytes | None, dialect: Dialect) -> Array | None:  # noqa: ARG002
        return None if value is None else unpack(value)


class UtcDateTime(TypeDecorator[datetime]):
    """A moment in UTC. SQLite forgets time zones, so they are put back when read."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is not None and value.tzinfo is None:
            raise ValueError(f"A time without a zone cannot be stored: {value!r}.")
        return None if value is None else value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def now() -> datetime:
    """This moment, in UTC."""
    return datetime.now(UTC)
