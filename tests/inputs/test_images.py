"""Pictures of every kind become RGB or a tensor in [0, 1], or a clear error."""

import io
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from xai_widgets.errors import InputError, XaiWidgetsError
from xai_widgets.inputs import images
from xai_widgets.inputs.images import Picture, load, load_all


def array(height: int = 12, width: int = 16) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)


def rgb(picture: Picture) -> np.ndarray[Any, np.dtype[np.uint8]]:
    assert isinstance(picture.pixels, Image.Image) and picture.pixels.mode == "RGB"
    return np.asarray(picture.pixels)


def encoded(image: Image.Image, kind: str = "PNG", **how: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **how)
    return file.getvalue()


def test_a_file_its_bytes_a_picture_and_an_array_are_the_same(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(array()).save(path)
    found = [load(path), load(str(path)), load(path.read_bytes()), load(Image.open(path)), load(array())]
    found += [load(memoryview(path.read_bytes())), load(bytearray(path.read_bytes()))]
    for picture in found:
        assert np.array_equal(rgb(picture), array()) and picture.size == (16, 12)
        assert picture.key == found[0].key and picture.notes == ()
    assert [p.name for p in found] == ["cat.png", "cat.png", "image", "image", "image", "image", "image"]
    assert [p.source for p in found[:4]] == [str(path), str(path), None, str(path)]
    assert load(path, name="my cat").name == "my cat" and load(found[0], name="x").name == "x"
    assert load(found[0]) is found[0]
    assert load(array()[:, ::-1]).key != found[0].key


def test_greyscale_palette_and_black_and_white_become_rgb() -> None:
    grey = Image.fromarray(array()).convert("L")
    expected = np.repeat(np.asarray(grey)[:, :, None], 3, axis=2)
    assert np.array_equal(rgb(load(encoded(grey))), expected)
    assert np.array_equal(rgb(load(np.asarray(grey))), expected)
    assert np.array_equal(rgb(load(np.asarray(grey)[:, :, None])), expected)
    palette = Image.fromarray(array()).quantize(17)
    assert np.array_equal(rgb(load(encoded(palette))), np.asarray(palette.convert("RGB")))
    assert set(rgb(load(encoded(grey.convert("1")))).ravel()) <= {0, 255}
    assert np.array_equal(rgb(load(np.asarray(grey) > 127))[:, :, 0] > 0, np.asarray(grey) > 127)


def test_transparency_is_put_on_white() -> None:
    alpha = np.dstack([array(), np.full((12, 16), 255, np.uint8)])
    alpha[:6, :, 3] = 0
    alpha[6, :, 3] = 128
    for picture in (load(encoded(Image.fromarray(alpha))), load(alpha)):
        assert (rgb(picture)[:6] == 255).all() and np.array_equal(rgb(picture)[7:], array()[7:])
        half = np.round(array()[6] * (128 / 255) + 255 * (127 / 255))
        assert np.abs(rgb(picture)[6] - half).max() <= 1
        assert picture.notes == ("transparency put on white",)
    grey = Image.fromarray(alpha).convert("LA")
    assert (rgb(load(encoded(grey)))[:6] == 255).all()
    palette = Image.new("P", (2, 1))
    palette.putpalette([255, 0, 0, 0, 255, 0])
    palette.putpixel((1, 0), 1)
    assert rgb(load(encoded(palette, transparency=0))).tolist() == [[[255, 255, 255], [0, 255, 0]]]


def test_sixteen_bits_become_eight() -> None:
    values = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    expected = np.round(values / 257).astype(np.uint8)
    picture = load(encoded(Image.fromarray(values)))
    assert np.array_equal(rgb(picture)[:, :, 0], expected) and "16-bit" in picture.notes[0]
    assert np.array_equal(rgb(load(values))[:, :, 1], expected)
    assert np.array_equal(rgb(load(Image.fromarray(values.astype(np.int32))))[:, :, 1], expected)
    floats = Image.fromarray((expected / 255).astype(np.float32))
    assert np.array_equal(rgb(load(encoded(floats, "TIFF")))[:, :, 0], expected)
    with pytest.raises(InputError, match="values from -3 to 7"):
        load(Image.fromarray(np.array([[-3.0, 7.0]], np.float32)))
    with pytest.raises(InputError, match="NaN"):
        load(Image.fromarray(np.array([[np.nan, 7.0]], np.float32)))


@pytest.mark.parametrize("turn", range(1, 9))
def test_exif_turns_the_picture_upright(turn: int, tmp_path: Path) -> None:
    upright = np.zeros((20, 30, 3), np.uint8)
    upright[:10, :15] = (255, 0, 0)
    # What a camera stores so that the orientation tag undoes it.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright, 1),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]
    image = Image.fromarray(np.ascontiguousarray(stored))
    exif = Image.Exif()
    exif[0x0112] = turn
    picture = load(encoded(image, "PNG", exif=exif))
    assert np.array_equal(rgb(picture), upright)
    assert ("turned as its EXIF says" in picture.notes) == (turn > 1)


def test_cmyk_and_other_colour_spaces_become_rgb() -> None:
    for mode in ("CMYK", "YCbCr", "LAB", "HSV"):
        image = (
            Image.new("RGB", (8, 8), (200, 40, 40)).convert(mode)
            if mode != "LAB"
            else Image.new("LAB", (8, 8))
        )
        picture = load(image)
        assert picture.notes == (f"converted from {mode}",)
        if mode != "LAB":
            assert np.abs(rgb(picture).astype(int) - [200, 40, 40]).max() <= 3
    assert rgb(load(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG")))[0, 0, 0] > 200


def test_of_an_animation_the_first_frame_is_taken() -> None:
    frames = [Image.new("RGB", (8, 6), colour) for colour in ("red", "lime", "blue")]
    for kind in ("GIF", "WEBP", "PNG", "TIFF"):
        more = {"lossless": True} if kind == "WEBP" else {}
        picture = load(encoded(frames[0], kind, save_all=True, append_images=frames[1:], **more))
        assert picture.notes == ("first of 3 frames",), kind
        assert (rgb(picture) == [255, 0, 0]).all(), kind


def test_one_pixel_and_six_thousand() -> None:
    assert load(encoded(Image.new("RGB", (1, 1), "red"))).size == (1, 1)
    assert load(np.zeros((1, 1), np.uint8)).size == (1, 1)
    large = load(encoded(Image.new("RGB", (6000, 6000), "red"), "PNG", compress_level=1))
    assert large.size == (6000, 6000) and large.thumbnail(64).shape == (64, 64, 3)
    assert load(Image.new("L", (6001, 2))).thumbnail(64).shape == (1, 64, 3)


def bomb(width: int, height: int) -> bytes:
    """A tiny PNG whose header promises many pixels."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(1000))), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


@pytest.mark.parametrize("lifted", [False, True])
def test_a_decompression_bomb_is_refused_before_it_is_unpacked(
    lifted: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if lifted:
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    with pytest.raises(InputError, match="too large"):
        load(bomb(50_000, 50_000))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"])
def test_a_truncated_file_is_refused(kind: str, tmp_path: Path) -> None:
    data = encoded(Image.fromarray(array(64, 64)), kind)
    path = tmp_path / "half.img"
    path.write_bytes(data[: len(data) // 2])
    for source in (path, path.read_bytes()):
        with pytest.raises(InputError, match=r"broken or truncated|no picture in a format") as caught:
            load(source)
        assert caught.value.hint
        assert (path.name if source is path else "the data") in caught.value.message


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    st.sampled_from(["PNG", "JPEG", "GIF", "TIFF", "WEBP"]),
    st.integers(0, 400),
    st.binary(min_size=1, max_size=8),
)
def test_a_broken_file_gives_a_picture_or_an_input_error(kind: str, place: int, damage: bytes) -> None:
    data = bytearray(encoded(Image.fromarray(array()), kind))
    data[place : place + len(damage)] = damage
    try:
        assert rgb(load(bytes(data))).size > 0
    except InputError as error:
        assert error.hint


def test_what_is_no_picture_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "cat.jpg").write_bytes(encoded(Image.new("RGB", (2, 2)), "JPEG"))
    (tmp_path / "empty.png").write_bytes(b"")
    wrong: dict[Any, str] = {
        str(tmp_path / "notes.txt"): "no picture in a format",
        str(tmp_path / "empty.png"): "no picture in a format",
        str(tmp_path / "cat.jpeg"): "Did you mean 'cat.jpg'",
        str(tmp_path / "none" / "cat.jpg"): "no folder",
        str(tmp_path): "is a folder",
        "https://example.org/cat.jpg": "is an address",
        "cat\0.jpg": "There is no file|cannot be read",
        "": "is a folder",
        b"": "no picture in a format",
        b"GIF89a": "broken|no picture",
        7: "A int is no picture",
        None: "A NoneType is no picture",
    }
    for source, said in wrong.items():
        with pytest.raises(InputError, match=said) as caught:
            load(source)
        assert isinstance(caught.value, ValueError) and caught.value.hint, source


@pytest.mark.parametrize(
    ("given_array", "said"),
    [
        (np.zeros((3, 8, 9), np.uint8), r"transpose\(1, 2, 0\)"),
        (np.zeros((8, 9, 2), np.uint8), "c 1, 3 or 4"),
        (np.zeros(8, np.uint8), "no picture"),
        (np.zeros((0, 8, 3), np.uint8), "empty"),
        (np.full((8, 9), 300, np.int64), "values from 300 to 300"),
        (np.full((8, 9), 200.0), "Divide by 255"),
        (np.full((8, 9), -0.5), "before normalisation"),
        (np.full((8, 9), np.nan), "NaN"),
        (np.full((8, 9), 1j), "no picture"),
        (np.array([["a", "b"]]), "no picture"),
        (np.array([[None, 1]]), "no picture"),
    ],
    ids=str,
)
def test_arrays_that_are_no_pictures_are_refused(given_array: Any, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load(given_array)


def test_tensors_are_kept_as_they_are() -> None:
    tensor = torch.rand(3, 12, 16)
    picture = load(tensor)
    assert isinstance(picture.pixels, torch.Tensor) and torch.equal(picture.pixels, tensor)
    assert picture.size == (16, 12) and picture.thumbnail(8).shape == (6, 8, 3)
    tensor.zero_()
    assert float(picture.pixels.max()) > 0  # the picture is its own
    as_bytes = load(torch.tensor(array()).permute(2, 0, 1)).pixels
    assert isinstance(as_bytes, torch.Tensor) and as_bytes.dtype == torch.float32
    assert np.array_equal(np.round(as_bytes.numpy() * 255), array().transpose(2, 0, 1))
    for channels in (1, 2, 4, 5):
        assert load(torch.rand(channels, 4, 4)).thumbnail(4).shape == (4, 4, 3)
    assert load(torch.rand(1, 3, 4, 4)).size == (4, 4)
    assert load(torch.rand(3, 4, 4, dtype=torch.float64).requires_grad_()).key
    assert load(torch.rand(3, 4, 4).half()).size == (4, 4)


@pytest.mark.parametrize(
    ("tensor", "said"),
    [
        (torch.full((3, 4, 4), float("nan")), "NaN"),
        (torch.full((3, 4, 4), float("inf")), "infinity"),
        (torch.full((3, 4, 4), 200.0), r"values from 200 to 200, not in \[0, 1\]. Divide by 255"),
        (torch.full((3, 4, 4), -1.5), "before normalisation"),
        (torch.full((3, 4, 4), 300), "int64, with values from 300 to 300"),
        (torch.rand(4, 40, 3).permute(1, 0, 2), r"permute\(2, 0, 1\)"),
        (torch.rand(4, 4), r"no picture \(c, h, w\)"),
        (torch.rand(3, 0, 4), "no picture"),
        (torch.rand(2, 3, 4, 4), "no picture"),
        (torch.zeros(3, 4, 4, dtype=torch.complex64), "no picture"),
        (torch.zeros(3, 4, 4, dtype=torch.bool), "no picture"),
    ],
)
def test_tensors_that_are_no_pictures_are_refused(tensor: torch.Tensor, said: str) -> None:
    with pytest.raises(InputError, match=said):
        load(tensor)


def test_one_or_many(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(array()).save(path)
    assert [p.name for p in load_all(path)] == ["cat.png"]
    assert [p.name for p in load_all([path, array(), torch.rand(3, 4, 4)])] == [
        "cat.png",
        "image 2",
        "image 3",
    ]
    assert [p.name for p in load_all(torch.rand(2, 3, 4, 4))] == ["image 1", "image 2"]
    assert [p.size for p in load_all(np.zeros((2, 4, 5, 3), np.uint8))] == [(5, 4), (5, 4)]
    assert [p.name for p in load_all(tmp_path.glob("*.png"))] == ["cat.png"]
    assert [p.name for p in load_all({"a": path, "b": array()})] == ["a", "b"]
    assert [p.name for p in load_all(array())] == ["image"]
    assert load_all(load_all(path)) == load_all(path)
    for empty in ([], (), {}, torch.rand(0, 3, 4, 4), tmp_path.glob("*.gif")):
        with pytest.raises(InputError, match="There are no pictures"):
            load_all(empty)
    with pytest.raises(InputError, match="Picture 2 of 2: There is no file"):
        load_all([path, "dog.png"])
    with pytest.raises(InputError, match="A int is no picture"):
        load_all(7)


def test_a_picture_does_not_keep_what_it_came_from(tmp_path: Path) -> None:
    path = tmp_path / "cat.png"
    Image.fromarray(array()).save(path)
    picture = load(path)
    path.unlink()
    assert np.array_equal(rgb(picture), array())
    mine = Image.fromarray(array())
    picture = load(mine)
    mine.paste("red", (0, 0, 16, 12))
    assert np.array_equal(rgb(picture), array())
    mutable = array()
    picture = load(mutable)
    mutable[:] = 0
    assert np.array_equal(rgb(picture), array())


def test_the_bound_is_pillows_own() -> None:
    assert images.MOST_PIXELS == 2 * 89_478_485 and issubclass(InputError, XaiWidgetsError)
