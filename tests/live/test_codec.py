"""What is packed for the browser can be read back, within the stated error."""

import base64
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from xai_widgets.live import codec

GOLDEN = Path(__file__).parents[1] / "golden" / "frame.json"

maps = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=3, max_dims=3, max_side=6), elements=st.floats(-1e6, 1e6, width=32)
)


@given(maps)
def test_maps_come_back_within_a_level(values: np.ndarray) -> None:
    packed = codec.pack_maps("maps", values)
    span = values.max((1, 2)) - values.min((1, 2))
    error = np.abs(codec.unpack(packed) - values).max((1, 2))
    tolerance = span / 255 * 1.01 + np.abs(values).max((1, 2)) * 1e-5 + 1e-30
    assert (error <= tolerance).all()


@given(maps)
def test_zero_stays_zero(values: np.ndarray) -> None:
    values[0, 0, 0] = 0.0
    back = codec.unpack(codec.pack_maps("maps", values))
    assert back[0, 0, 0] == 0


@given(hnp.arrays(np.float32, (3, 4), elements=st.floats(-1e6, 1e6, width=32)))
def test_signed_values_keep_four_digits_and_their_sign(values: np.ndarray) -> None:
    back = codec.unpack(codec.pack_signed("map", values))
    assert np.abs(back - values).max() <= np.abs(values).max() / 65534 * 1.01 + 1e-30


def test_flat_maps_are_exact() -> None:
    values = np.stack([np.zeros((2, 2)), np.full((2, 2), -3.5), np.full((2, 2), 7.0)]).astype(np.float32)
    assert np.array_equal(codec.unpack(codec.pack_maps("maps", values)), values)


def test_golden_frame_is_what_both_languages_agree_on() -> None:
    golden = json.loads(GOLDEN.read_text("utf-8"))
    for case, pack in zip(
        golden["arrays"], (codec.pack_maps, codec.pack_signed, codec.pack_floats), strict=True
    ):
        packed = pack(case["head"]["name"], np.array(case["values"], np.float32))
        assert packed.head["dtype"] == case["head"]["dtype"]
        assert packed.head["shape"] == case["head"]["shape"]
        assert packed.head["scale"] == pytest.approx(case["head"]["scale"])
        assert packed.head["zero"] == pytest.approx(case["head"]["zero"])
        assert packed.data == base64.b64decode(case["bytes"])
