"""Arrays in blobs say what they are, and times know their zone."""

from datetime import UTC, datetime, timedelta, timezone

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from app.columns import TypedArray, UtcDateTime, pack, unpack

shapes = hnp.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5)


@given(hnp.arrays(np.float32, shapes, elements=st.floats(width=32, allow_nan=False)))
def test_a_float_array_comes_back_as_it_was(array: np.ndarray) -> None:
    back = unpack(pack(array, "<f4"))
    assert back.dtype == np.dtype("<f4")
    np.testing.assert_array_equal(back, array)


@given(hnp.arrays(np.int32, shapes))
def test_an_integer_array_comes_back_as_it_was(array: np.ndarray) -> None:
    back = unpack(pack(array, "<i4"))
    assert back.dtype == np.dtype("<i4")
    np.testing.assert_array_equal(back, array)


def test_a_blob_is_little_endian_whatever_the_array_was() -> None:
    assert pack(np.array([1.0], dtype=">f4"), "<f4").endswith(np.array([1.0], dtype="<f4").tobytes())


@pytest.mark.parametrize("damaged", [b"", b"IX", b"XXX<f4\x01", pack(np.ones(4, np.float32), "<f4")[:-1]])
def test_a_damaged_blob_is_refused(damaged: bytes) -> None:
    with pytest.raises(ValueError, match="stored array"):
        unpack(damaged)


def test_a_column_of_two_axes_refuses_one() -> None:
    with pytest.raises(ValueError, match="2 axes, not of shape"):
        TypedArray("<f4", axes=2).process_bind_param(np.ones(3, np.float32), None)  # type: ignore[arg-type]


def test_a_time_without_a_zone_cannot_be_stored() -> None:
    with pytest.raises(ValueError, match="without a zone"):
        UtcDateTime().process_bind_param(datetime(2026, 1, 1), None)  # type: ignore[arg-type]


def test_a_time_of_another_zone_is_the_same_moment_in_utc() -> None:
    noon = datetime(2026, 1, 1, 12, tzinfo=timezone(timedelta(hours=2)))
    stored = UtcDateTime().process_bind_param(noon, None)  # type: ignore[arg-type]
    assert stored == datetime(2026, 1, 1, 10, tzinfo=UTC)
