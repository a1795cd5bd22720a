"""What containers and codecs say about the picture, and players do."""

import gc
import os
import struct
import sys
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from sklearn_emoxai.extraction import VIDEO_SUFFIXES, _frame_source, open_source, read_sampled


def off(one, other):
    """Mean absolute difference between two arrays of frames."""
    return np.abs(one.astype(int) - other).mean()


def stretched_pixels(ratio):
    def prepare(stream):
        stream.sample_aspect_ratio = ratio

    return prepare


@pytest.mark.parametrize(
    ("suffix", "codec", "ratio", "size"),
    [
        *(
            (suffix, "mpeg4", ratio, size)
            for suffix in ("mkv", "mp4", "avi")
            for ratio, size in (("4/3", (48, 85)), ("1/2", (96, 64)), ("1/1", (48, 64)))
        ),
        # MPEG-2 tells the proportions of the picture instead: 4:3 and 16:9, for example.
        *((suffix, "mpeg2video", "4/3", (48, 85)) for suffix in ("mpg", "ts")),
        *((suffix, "mpeg2video", "1/1", (48, 64)) for suffix in ("mpg", "ts")),
    ],
)
def test_pixels_become_square(encode, decoded, quarters, suffix, codec, ratio, size):
    many = np.repeat(quarters, 10, axis=0)
    prepare = stretched_pixels(Fraction(ratio))
    _, frames = decoded(encode(f"clip.{suffix}", many, codec, "yuv420p", rate=25, prepare=prepare))
    assert frames.shape[1:3] == size
    assert off(frames, cv2.resize(quarters[0], size[::-1], interpolation=cv2.INTER_LINEAR)) < 8


def test_absurd_pixels_are_named(encode, quarters):
    path = encode("clip.mp4", quarters, "mpeg4", "yuv420p", prepare=stretched_pixels(Fraction(5)))
    with pytest.raises(
        ValueError, match=r"clip\.mp4 must have .*sample aspect ratio between 1:4 and 4:1.* 5:1"
    ):
        open_source(path)


@pytest.mark.parametrize("mirror", [False, True])
@pytest.mark.parametrize("quarter_turns", range(4))
def test_display_matrices_are_followed(encode, decoded, quarters, quarter_turns, mirror):
    """`set_display_rotation` turns anti-clockwise, and mirrors the result."""
    path = encode(
        "clip.mov",
        quarters,
        "png",
        "rgb24",
        prepare=lambda stream: stream.set_display_rotation(90 * quarter_turns, hflip=mirror),
    )
    with av.open(str(path)) as container:
        assert next(container.decode(video=0)).width == 64  # it is stored as it was
    shown = np.rot90(quarters, quarter_turns, axes=(1, 2))
    assert_array_equal(decoded(path)[1], shown[:, :, ::-1] if mirror else shown)


@pytest.mark.parametrize(
    ("matrix", "shown"),
    [
        ((1, 0, 0, 1), lambda frames: frames),
        ((-1, 0, 0, 1), lambda frames: frames[:, :, ::-1]),
        ((1, 0, 0, -1), lambda frames: frames[:, ::-1]),
        ((-1, 0, 0, -1), lambda frames: frames[:, ::-1, ::-1]),
        ((0, 1, 1, 0), lambda frames: frames.swapaxes(1, 2)),
        ((0, 1, -1, 0), lambda frames: frames.swapaxes(1, 2)[:, :, ::-1]),
        ((0, -1, 1, 0), lambda frames: frames.swapaxes(1, 2)[:, ::-1]),
        ((0, -1, -1, 0), lambda frames: frames.swapaxes(1, 2)[:, ::-1, ::-1]),
        ((2, 0, 0, 2), lambda frames: frames),
        ((0, 0, 0, 0), lambda frames: frames),
    ],
)
def test_a_stored_pixel_is_shown_where_the_matrix_puts_it(encode, decoded, quarters, matrix, shown):
    """By the definition: players show the stored pixel (p, q) at (a p + c q, b p + d q)."""
    assert_array_equal(decoded(with_matrix(encode, quarters, matrix))[1], shown(quarters))


@pytest.mark.parametrize("matrix", [(0.7071, 0.7071, -0.7071, 0.7071), (1, 0.5, 0, 1), (1, 0, 0, 0)])
def test_other_display_matrices_are_named(encode, decoded, quarters, matrix):
    with pytest.raises(
        ValueError, match=r"clip\.mov must be shown upright.* display matrix says \[1\.0, 0|\[0\.707"
    ):
        decoded(with_matrix(encode, quarters, matrix))


def with_matrix(encode, frames, matrix):
    """An mov whose track header holds a matrix."""
    path = encode("clip.mov", frames, "png", "rgb24")
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    a, b, c, d = (round(value * 65536) for value in matrix)
    data[at : at + 36] = struct.pack(">9i", a, b, 0, c, d, 0, 0, 0, 1 << 30)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_of_motion_jpeg_is_followed(encode, decoded, tmp_path, quarters, orientation):
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(quarters[0]).save(tmp_path / "0.jpg", exif=exif, quality=95)
    jpeg = (tmp_path / "0.jpg").read_bytes()
    with av.open(str(tmp_path / "clip.avi"), "w") as container:
        stream = container.add_stream("mjpeg", rate=20)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for i in range(2):
            packet = av.Packet(jpeg)
            packet.stream, packet.pts, packet.dts = stream, i, i
            container.mux(packet)
    _, frames = decoded(tmp_path / "clip.avi")
    _, still = decoded(tmp_path / "0.jpg")
    assert frames.shape[1:] == still.shape[1:]
    assert off(frames, still) < 5


@pytest.mark.parametrize(
    ("codec", "pix_fmt"),
    [
        ("ffv1", "yuv444p10le"),
        ("ffv1", "yuv444p12le"),
        ("ffv1", "gray16le"),
        ("ffv1", "gray"),
        ("ffv1", "gbrp10le"),
        ("png", "rgb48be"),
        ("ffv1", "yuv444p"),
        ("mjpeg", "yuvj444p"),
    ],
)
def test_every_depth_shows_the_same_picture(encode, decoded, quarters, codec, pix_fmt):
    _, frames = decoded(
        encode(
            "clip.mov" if codec == "png" else "clip.mkv",
            quarters,
            codec,
            pix_fmt,
        )
    )
    expected = quarters
    if pix_fmt.startswith("gray"):
        expected = (
            np.repeat((quarters @ [0.299, 0.587, 0.114])[..., None], 3, axis=3).round().astype(np.uint8)
        )
    assert off(frames, expected) < 4


@pytest.mark.parametrize(
    ("codec", "pix_fmt"), [("ffv1", "gray16le"), ("png", "rgb48be"), ("png", "gray16be")]
)
@pytest.mark.parametrize("bits", [10, 12])
def test_fewer_bits_in_16_are_named(encode, decoded, quarters, codec, pix_fmt, bits):
    """A camera of 12 bits whose program stores its numbers in 16: as dark as one 16th of the light is."""
    dark = [(frame.astype(np.uint16) * 257) >> (16 - bits) for frame in quarters]
    path = encode("clip.mkv" if codec == "ffv1" else "clip.mov", dark, codec, pix_fmt)
    with pytest.raises(
        ValueError, match=rf"must use the whole range of its 16 bits.* of ({bits}|{bits - 1}) bits"
    ):
        decoded(path)


@pytest.mark.parametrize("colour_range", ["MPEG", "JPEG"])
def test_limited_and_full_range_show_the_same_picture(encode, decoded, quarters, colour_range):
    def prepare(stream):
        stream.codec_context.color_range = getattr(av.video.reformatter.ColorRange, colour_range).value

    _, frames = decoded(encode("clip.mkv", quarters, "ffv1", "yuv444p", prepare=prepare))
    assert off(frames, quarters) < 2


def test_what_is_transparent_is_before_white(encode, decoded, quarters):
    alpha = np.full((4, 48, 64, 1), 255, np.uint8)
    alpha[:, :, :16] = 0
    alpha[:, :, 16:32] = 128
    path = encode("clip.mov", np.concatenate([quarters, alpha], axis=3), "png", "rgba")
    _, frames = decoded(path)
    assert_array_equal(frames[:, :, 32:], quarters[:, :, 32:])
    assert (frames[:, :, :16] == 255).all()
    assert_allclose(frames[:, :24, 16:32, 1], 255 - 0.5 * 225, atol=1.5)


def joined(path, parts):
    """The packets of several VP8 files in one, as browsers write a call whose resolution changes."""
    start = 0
    with av.open(str(path), "w") as container:
        for part in parts:
            with av.open(str(part)) as source:
                stream = (
                    container.streams[0] if start else container.add_stream_from_template(source.streams[0])
                )
                for packet in source.demux(video=0):
                    if packet.dts is not None:
                        packet.pts, packet.dts = packet.pts + start, packet.dts + start
                        packet.stream, last = stream, packet.pts
                        container.mux(packet)
            start = last + 50
    return path


def test_a_call_whose_resolution_changes_keeps_its_first(encode, decoded, tmp_path, quarters):
    half = quarters[:, ::2, ::2]
    parts = [
        encode(f"{i}.webm", frames, "libvpx", "yuv420p")
        for i, frames in enumerate((quarters, half, quarters))
    ]
    path = joined(tmp_path / "call.webm", parts)
    times, frames = decoded(path)
    assert frames.shape == (12, 48, 64, 3)
    assert off(frames, np.concatenate([quarters] * 3)) < 8
    assert_allclose(times, np.arange(12) / 20, atol=0.002)
    assert len(read_sampled(open_source(path), 12).frames) == 12


def test_a_picture_that_changes_its_proportions_is_named(encode, tmp_path, quarters):
    parts = [
        encode(f"{i}.webm", frames, "libvpx", "yuv420p")
        for i, frames in enumerate((quarters, quarters[:, 8:]))
    ]
    with pytest.raises(ValueError, match="one size; frame 4 is 64 × 40 after 64 × 48"):
        read_sampled(open_source(joined(tmp_path / "call.webm", parts)), 8)


def test_cover_pictures_are_no_videos(tmp_path, quarters):
    pictures = [Image.fromarray(frame) for frame in quarters]
    pictures[0].save(tmp_path / "cover.jpg")
    for name, with_video in (("song.m4a", False), ("clip.mp4", True)):
        with av.open(str(tmp_path / name), "w", format="mp4") as container:
            cover = container.add_stream("mjpeg", rate=1)
            cover.width, cover.height, cover.pix_fmt = 64, 48, "yuvj420p"
            cover.disposition = av.stream.Disposition.attached_pic
            video = container.add_stream("mpeg4", rate=20) if with_video else None
            packet = av.Packet((tmp_path / "cover.jpg").read_bytes())
            if video is not None:
                video.width, video.height, video.pix_fmt = 32, 32, "yuv420p"
            container.start_encoding()
            packet.stream, packet.pts, packet.dts = cover, 0, 0
            container.mux(packet)
            for i in range(3 if with_video else 0):
                picture = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
                picture.pts = i
                container.mux(video.encode(picture))
            if with_video:
                container.mux(video.encode(None))
    with pytest.raises(
        ValueError, match=r"song\.m4a can't be read as a video: it holds a cover picture, but no video"
    ):
        open_source(tmp_path / "song.m4a")
    assert read_sampled(open_source(tmp_path / "clip.mp4"), 2).frames[0].shape == (32, 32, 3)


def test_sound_alone_is_no_video(tmp_path):
    with av.open(str(tmp_path / "sound.mp4"), "w") as container:
        stream = container.add_stream("aac", rate=44100)
        sound = av.AudioFrame.from_ndarray(np.zeros((2, 4096), np.float32), format="fltp", layout="stereo")
        sound.sample_rate = 44100
        container.mux(stream.encode(sound))
        container.mux(stream.encode(None))
    with pytest.raises(ValueError, match=r"sound\.mp4 can't be read as a video: it holds no video"):
        open_source(tmp_path / "sound.mp4")


def test_of_several_videos_the_default_one_is_read(tmp_path, decoded):
    for default in (0, 1):
        path = tmp_path / f"{default}.mkv"
        with av.open(str(path), "w") as container:
            streams = [container.add_stream("ffv1", rate=20) for _ in range(2)]
            for i, stream in enumerate(streams):
                stream.width, stream.height, stream.pix_fmt = 64, 48, "bgr0"
                stream.disposition = av.stream.Disposition.default if i == default else 0
            for i, stream in enumerate(streams):
                picture = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 100 * i, np.uint8), format="rgb24")
                picture.pts = 0
                container.mux(stream.encode(picture))
                container.mux(stream.encode(None))
        assert_array_equal(decoded(path)[1], 100 * default)


def test_times_are_the_frames_own_and_increase(encode, decoded, quarters):
    times, _ = decoded(encode("clip.mkv", quarters, times=[0, 1, 7, 8]))
    assert_allclose(times, np.array([0, 1, 7, 8]) / 20, atol=0.001)


def test_h264_in_avi_is_in_order(encode, decoded):
    """AVI stores no times, and H.264 its frames out of order."""
    frames = np.zeros((12, 48, 64, 3), np.uint8) + (20 * np.arange(12, dtype=np.uint8))[:, None, None, None]
    if "libx264" not in av.codecs_available:
        pytest.skip("this PyAV can't write H.264")
    times, got = decoded(encode("clip.avi", frames, "libx264", "yuv420p"))
    assert_allclose(np.diff(times), 1 / 20, atol=0.001)
    assert off(got, frames) < 3


@pytest.mark.parametrize(
    ("suffix", "codec", "container"),
    [
        *((suffix, "mpeg4", None) for suffix in ("mp4", "m4v", "mov", "mkv", "avi", "3gp", "3g2", "nut")),
        *((suffix, "mpeg4", "avi") for suffix in ("divx", "xvid")),
        *((suffix, "mpeg2video", "mpegts") for suffix in ("ts", "mts", "m2ts", "m2t")),
        *((suffix, "mpeg2video", "mpeg") for suffix in ("mpg", "mpeg", "mpe", "vob")),
        ("f4v", "mpeg4", "mp4"),
        ("flv", "flv", None),
        *((suffix, "wmv2", "asf") for suffix in ("wmv", "asf")),
        ("webm", "libvpx", None),
        ("ivf", "libvpx", None),
        ("mxf", "mpeg2video", None),
        ("m2v", "mpeg2video", "mpeg2video"),
        ("y4m", "wrapped_avframe", "yuv4mpegpipe"),
        ("MP4", "mpeg4", None),
    ],
)
def test_every_suffix_is_read(encode, decoded, quarters, suffix, codec, container):
    if codec not in av.codecs_available:
        pytest.skip(f"this PyAV can't write {codec}")
    many = np.repeat(quarters, 10, axis=0)  # FFmpeg takes no smaller MPEG streams for any
    path = encode(f"clip.{suffix}", many, codec, "yuv420p", rate=25, container=container)
    assert path.suffix.lower() in VIDEO_SUFFIXES
    _, frames = decoded(path)
    assert frames.shape[1:] == quarters.shape[1:]
    assert off(frames[0], quarters[0]) < 12


@pytest.mark.parametrize(
    "name",
    [
        b"\xe9t\xe9.mp4",
        b"\n.mp4",
        b"a%03d.mp4",
        b"-rf.mp4",
        b"x" * 250 + b".mp4",
        b"http:.mp4",
        b"pipe:0",
        b"a|b.mp4",
    ],
)
def test_any_file_name_is_read(encode, decoded, quarters, tmp_path, name):
    path = tmp_path / os.fsdecode(name)
    try:
        os.replace(encode("clip.mp4", quarters, "mpeg4", "yuv420p"), path)
    except (OSError, UnicodeError):
        pytest.skip("the file system does not allow such a name")
    assert decoded(path)[1].shape == quarters.shape
    assert decoded(os.fspath(path))[1].shape == quarters.shape


@pytest.mark.skipif(sys.platform == "win32", reason="symbolic links need rights there")
def test_links_are_followed_and_loops_are_named(encode, decoded, quarters, tmp_path):
    (tmp_path / "link.mp4").symlink_to(encode("clip.mp4", quarters, "mpeg4", "yuv420p"))
    assert decoded(tmp_path / "link.mp4")[1].shape == quarters.shape
    (tmp_path / "loop.mp4").symlink_to(tmp_path / "loop.mp4")
    with pytest.raises((ValueError, OSError), match=r"loop\.mp4"):
        open_source(tmp_path / "loop.mp4")


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "it is empty"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n",
            "Git LFS pointer.*git lfs pull",
        ),
        (b"#EXTM3U\n#EXTINF:9,\nother.mp4\n", "it is text"),
        (b"ffconcat version 1.0\nfile other.mp4\n\0", "damaged, or no video"),
        (b"#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\nother.mp4\n\0", "damaged, or no video"),
    ],
)
@pytest.mark.parametrize("name", ["clip.mp4", "clip.m3u8"])
def test_what_stands_for_a_video_is_named_and_followed_nowhere(
    encode, quarters, tmp_path, name, content, reason
):
    encode("other.mp4", quarters, "mpeg4", "yuv420p")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=rf"{name} can't be read as a video: .*{reason}"):
        open_source(tmp_path / name)


def test_a_frame_beyond_the_limit_is_named(encode, quarters, monkeypatch):
    path = encode("clip.mkv", quarters)
    monkeypatch.setattr(_frame_source, "MAX_PIXELS", 3000)
    with pytest.raises(
        ValueError, match=r"clip\.mkv must have at most 3000 pixels a frame; it has 64 × 48 = 3072"
    ):
        open_source(path)


@pytest.mark.parametrize("side", [16000, 30000])
def test_a_header_that_claims_huge_frames_is_refused(encode, quarters, side):
    path = encode("clip.avi", quarters, "rawvideo", "bgr24")
    data = path.read_bytes()
    at = data.index(b"strf") + 12
    assert struct.unpack("<ii", data[at : at + 8]) == (64, -48)
    path.write_bytes(data[:at] + struct.pack("<ii", side, -side) + data[at + 8 :])
    with pytest.raises(ValueError, match=r"clip\.avi .*more than 67108864 pixels"):
        open_source(path)


def test_damaged_frames_are_passed_over(encode, decoded):
    frames = np.random.default_rng(0).integers(0, 255, (10, 48, 64, 3), np.uint8)
    path = encode("clip.avi", frames, "png", "rgb24")
    parts = path.read_bytes().split(b"IHDR" + struct.pack(">II", 64, 48))
    assert len(parts) == 11
    damaged = b"IHDR" + struct.pack(">II", 64, 0)
    path.write_bytes(
        b"".join(
            part + (damaged if i == 4 else b"IHDR" + struct.pack(">II", 64, 48))
            for i, part in enumerate(parts[:-1])
        )
        + parts[-1]
    )
    times, got = decoded(path)
    assert_array_equal(got, np.delete(frames, 4, axis=0))
    assert_allclose(times, np.delete(np.arange(10), 4) / 20, atol=0.001)


def test_frames_leave_the_memory_one_by_one(encode):
    """Without the collector of garbage, which knows nothing of their size."""
    statm = Path("/proc/self/statm")
    if not statm.exists():
        pytest.skip("the system does not tell how much memory is used")
    frames = np.zeros((120, 480, 640, 3), np.uint8)
    source = open_source(encode("clip.mp4", frames, "mpeg4", "yuv420p"))
    gc.disable()
    try:
        used = []
        for _, decode in source.frames():
            decode()
            used.append(int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE"))
    finally:
        gc.enable()
    assert used[-1] - used[20] < 20 * frames[0].nbytes
