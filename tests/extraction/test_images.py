"""Images as viewers show them."""

import struct
import zlib

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from sklearn_emoxai.extraction import IMAGE_SUFFIXES, open_source, read_sampled
from sklearn_emoxai.extraction._image_files import read_image


@pytest.fixture
def picture(quarters):
    """An image of shape (48, 64, 3), uint8, none of whose turns or mirrored copies is the same."""
    return quarters[0]


def off(one, other):
    """Mean absolute difference between two images of the same shape."""
    assert one.shape == other.shape
    return np.abs(one.astype(int) - other).mean()


@pytest.mark.parametrize("suffix", sorted(IMAGE_SUFFIXES))
def test_every_suffix_is_read(tmp_path, picture, suffix):
    for name in (f"0{suffix}", f"1{suffix.upper()}"):
        Image.fromarray(picture).save(tmp_path / name, quality=95)
    frames = read_sampled(open_source(tmp_path), 2).frames
    assert len(frames) == 2
    assert all(off(frame, picture) < 6 for frame in frames.values())


def test_one_image_is_one_frame(tmp_path, picture, decoded):
    Image.fromarray(picture).save(tmp_path / "photo.PNG")
    times, frames = decoded(tmp_path / "photo.PNG")
    assert_array_equal(times, [0])
    assert_array_equal(frames, [picture])


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr"])
@pytest.mark.parametrize("suffix", [".png", ".tiff", ".jpg", ".bmp"])
def test_every_kind_of_8_bits_is_read(tmp_path, picture, mode, suffix):
    image = Image.fromarray(picture).convert(mode)
    try:
        image.save(tmp_path / f"0{suffix}")
    except OSError:
        pytest.skip("there are no such files")
    expected = np.array(image.convert("RGB"))
    assert off(read_image(tmp_path / f"0{suffix}"), expected) < (6 if suffix == ".jpg" else 1)


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tiff", ".webp"])
@pytest.mark.parametrize("deep", [False, True])
def test_exif_turns_and_mirrors(tmp_path, picture, suffix, orientation, deep):
    exif = Image.Exif()
    exif[274] = orientation
    image = Image.fromarray(picture)
    if deep:
        if suffix not in (".png", ".tiff"):
            pytest.skip("there are no such files of 16 bits")
        image = Image.fromarray(picture[..., 0].astype(np.uint16) * 257)
        picture = np.repeat(picture[..., :1], 3, axis=2)
    image.save(tmp_path / f"0{suffix}", exif=exif, quality=95)
    shown = {
        1: picture,
        2: picture[:, ::-1],
        3: picture[::-1, ::-1],
        4: picture[::-1],
        5: picture.swapaxes(0, 1),
        6: picture.swapaxes(0, 1)[:, ::-1],
        7: picture.swapaxes(0, 1)[::-1, ::-1],
        8: picture.swapaxes(0, 1)[::-1],
    }
    assert off(read_image(tmp_path / f"0{suffix}"), shown[orientation]) < 6


@pytest.mark.parametrize("suffix", [".png", ".webp", ".tiff"])
def test_what_is_transparent_is_before_white(tmp_path, picture, suffix):
    alpha = np.full((48, 64, 1), 255, np.uint8)
    alpha[:, :16], alpha[:, 16:32] = 0, 128
    Image.fromarray(np.concatenate([picture, alpha], axis=2)).save(tmp_path / f"0{suffix}", lossless=True)
    image = read_image(tmp_path / f"0{suffix}")
    assert_array_equal(image[:, 32:], picture[:, 32:])
    assert (image[:, :16] == 255).all()
    assert_allclose(image[:24, 16:32, 1], 255 - 0.5 * 225, atol=1.5)


def test_a_transparent_colour_of_a_palette_is_white(tmp_path, picture):
    image = Image.fromarray(picture).convert("P", dither=Image.Dither.NONE)
    image.info["transparency"] = image.getpixel((40, 40))
    image.save(tmp_path / "0.png")
    shown = read_image(tmp_path / "0.png")
    assert (shown[24:, 32:] == 255).all()
    assert off(shown[:, :32], picture[:, :32]) < 30


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("channels", [1, 3, 4])
def test_16_bits_show_the_picture_of_8(tmp_path, picture, suffix, channels):
    deep = picture[..., ::-1].astype(np.uint16) * 257
    if channels == 1:
        deep, picture = deep[..., 2], np.repeat(picture[..., :1], 3, axis=2)
    elif channels == 4:
        deep = np.concatenate([deep, np.full((48, 64, 1), 65535, np.uint16)], axis=2)
    assert cv2.imwrite(str(tmp_path / f"0{suffix}"), deep)
    assert_array_equal(read_image(tmp_path / f"0{suffix}"), picture)


@pytest.mark.parametrize("suffix", [".png", ".tiff"])
@pytest.mark.parametrize("gray", [False, True])
@pytest.mark.parametrize("bits", [9, 10, 12, 14])
def test_fewer_bits_in_16_are_named(tmp_path, picture, suffix, gray, bits):
    deep = picture.astype(np.uint16) << (bits - 8)
    assert cv2.imwrite(str(tmp_path / f"0{suffix}"), deep[..., 0] if gray else deep)
    with pytest.raises(
        ValueError, match=rf"0{suffix} must use the whole range of its 16 bits.* of {bits} bits"
    ):
        open_source(tmp_path)


def test_transparency_of_16_bits_is_named(tmp_path, picture):
    deep = np.dstack([picture, picture[..., 0]]).astype(np.uint16) * 257
    assert cv2.imwrite(str(tmp_path / "0.png"), deep)
    with pytest.raises(ValueError, match=r"0\.png must not be transparent, as it has 16 bits"):
        open_source(tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "int32", "uint32"])
@pytest.mark.parametrize("channels", [1, 3])
def test_other_kinds_of_pixels_are_named(tmp_path, picture, dtype, channels):
    values = picture if channels == 3 else picture[..., 0]
    write_tiff(tmp_path / "0.tif", values.astype(dtype) / (255 if dtype == "float32" else 1))
    with pytest.raises(ValueError, match=r"0\.tif .*(8 or 16 bits|neither 8 nor 16 bits)"):
        open_source(tmp_path)


def write_tiff(path, values):
    """A TIFF of one strip, of any kind of pixels."""
    height, width = values.shape[:2]
    channels = values.shape[2] if values.ndim == 3 else 1
    kind = {"f": 3, "i": 2, "u": 1}[values.dtype.kind]
    tags = [(256, 4, 1, width), (257, 4, 1, height), (259, 3, 1, 1), (262, 3, 1, 2 if channels == 3 else 1)]
    at = 8 + 2 + 12 * 10 + 4
    each = struct.pack(f"<{channels}H", *[8 * values.itemsize] * channels)
    kinds = struct.pack(f"<{channels}H", *[kind] * channels)
    bits_at, kind_at = (at, at + 6) if channels == 3 else (8 * values.itemsize, kind)
    tags += [(258, 3, channels, bits_at), (273, 4, 1, at + 12), (277, 3, 1, channels), (278, 4, 1, height)]
    tags += [(279, 4, 1, values.nbytes), (339, 3, channels, kind_at)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in sorted(tags))
    extra = (each + kinds).ljust(12, b"\0")
    path.write_bytes(b"II*\0" + struct.pack("<IH", 8, 10) + entries + bytes(4) + extra + values.tobytes())


@pytest.mark.parametrize("suffix", [".tiff", ".webp", ".png"])
def test_several_pictures_in_one_file_are_named(tmp_path, quarters, suffix):
    images = [Image.fromarray(np.roll(frame, i, axis=0)) for i, frame in enumerate(quarters)]
    images[0].save(tmp_path / f"0{suffix}", save_all=True, append_images=images[1:])
    with pytest.raises(ValueError, match=rf"0{suffix} must hold one picture, the frame; it holds 4"):
        open_source(tmp_path)


def test_a_preview_beside_a_photo_is_left_out(tmp_path, picture):
    Image.fromarray(picture).save(
        tmp_path / "0.jpg", "MPO", save_all=True, append_images=[Image.fromarray(picture[:8, :8])], quality=95
    )
    assert off(read_image(tmp_path / "0.jpg"), picture) < 6


@pytest.mark.parametrize("side", [9000, 12000, 30000, 60000])
def test_decompression_bombs_are_refused_before_they_are_read(tmp_path, side):
    header = struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", header), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    content = b"\x89PNG\r\n\x1a\n"
    for name, data in chunks:
        content += struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
    (tmp_path / "0.png").write_bytes(content)
    with pytest.raises(ValueError, match=r"0\.png must have at most 67108864 pixels"):
        open_source(tmp_path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (b"no image", "it is damaged, no image"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "Git LFS pointer.*git lfs pull",
        ),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "it is damaged, no image"),
    ],
)
def test_what_is_no_image_is_named(tmp_path, content, reason):
    (tmp_path / "0.png").write_bytes(content)
    with pytest.raises(ValueError, match=rf"0\.png can't be read as an image: .*{reason}"):
        open_source(tmp_path)


@pytest.mark.parametrize("suffix", [".png", ".jpg", ".tiff", ".webp", ".bmp"])
def test_images_that_are_cut_off_are_named(tmp_path, suffix):
    noise = np.random.default_rng(0).integers(0, 255, (48, 64, 3), np.uint8)
    Image.fromarray(noise).save(tmp_path / f"0{suffix}")
    data = (tmp_path / f"0{suffix}").read_bytes()
    (tmp_path / f"0{suffix}").write_bytes(data[: len(data) // 2])
    with pytest.raises(ValueError, match=rf"0{suffix} can't be read as an image"):
        open_source(tmp_path)
