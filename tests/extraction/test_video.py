import struct

import cv2
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from sklearn_emoxai.extraction import find_videos, open_source, read_sampled, sample_indices, silenced_stderr
from sklearn_emoxai.extraction._clip_files import natural_key

CONTAINERS = {
    "clip.mp4": "mp4v",
    "clip.mov": "mp4v",
    "clip.mkv": "mp4v",
    "clip.avi": "MJPG",
    "clip.webm": "VP80",
}
FPS = 20


def gray_frames(n_frames, size=(64, 48)):
    """Frames whose gray tells their position; the upper half is brighter."""
    frames = np.zeros((n_frames, size[1], size[0], 3), np.uint8)
    frames += (20 + 8 * np.arange(n_frames, dtype=np.uint8))[:, None, None, None]
    frames[:, : size[1] // 2] += 60
    return frames


def write_video(path, frames, fourcc="mp4v"):
    writer = cv2.VideoWriter(
        str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*fourcc), FPS, frames.shape[2:0:-1]
    )
    assert writer.isOpened()
    for frame in frames:
        writer.write(frame[..., ::-1])
    writer.release()
    return path


def rotate_by_metadata(path):
    """Mark an mp4 as stored upside down, in the display matrix of its track header."""
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 44
    width, height = struct.unpack(">II", data[at + 36 : at + 44])
    data[at : at + 36] = struct.pack(">9i", -(1 << 16), 0, 0, 0, -(1 << 16), 0, width, height, 1 << 30)
    path.write_bytes(data)


def decoded(source):
    times, frames = zip(*((time, decode()) for time, decode in source.frames()))
    return np.array(times), np.array(frames)


@pytest.mark.parametrize("name", CONTAINERS)
def test_every_container_gives_its_frames_and_times_in_order(tmp_path, name):
    frames = gray_frames(12)
    times, got = decoded(open_source(write_video(tmp_path / name, frames, CONTAINERS[name])))
    assert_allclose(times, np.arange(12) / FPS, atol=0.001)
    assert got.shape == frames.shape
    assert np.abs(got.astype(int) - frames).mean() < 3  # lossy, but no other frame: those differ by 8


def test_gif_of_varying_rate_gives_its_own_times_and_is_sampled_evenly_in_time(tmp_path):
    images = [Image.fromarray(frame) for frame in gray_frames(8)]
    path = tmp_path / "clip.gif"
    images[0].save(path, save_all=True, append_images=images[1:], duration=[100] * 6 + [600, 100])
    times, _ = decoded(open_source(path))
    assert_allclose(times, [0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1.2], atol=0.011)
    assert_array_equal(read_sampled(open_source(path), 3).indices, [0, 6, 7])


def test_colours_are_red_green_blue(tmp_path):
    red = np.zeros((3, 48, 64, 3), np.uint8)
    red[..., 0] = 200
    for source in (write_video(tmp_path / "red.mp4", red), red):
        _, frames = decoded(open_source(source))
        assert frames[..., 0].min() > 150
        assert frames[..., 1:].max() < 60


def test_rotation_metadata_is_applied(tmp_path):
    path = write_video(tmp_path / "clip.mp4", gray_frames(3))
    _, upright = decoded(open_source(path))
    rotate_by_metadata(path)
    _, turned = decoded(open_source(path))
    assert_array_equal(turned, np.rot90(upright, 2, axes=(1, 2)))


def test_image_folder_is_read_in_natural_order_and_other_files_are_ignored(tmp_path):
    frames = gray_frames(11)
    for i, suffix in enumerate(
        ["png", "bmp", "tiff", "PNG", "png", "png", "png", "png", "png", "png", "tif"]
    ):
        cv2.imwrite(str(tmp_path / f"frame{i}.{suffix}"), frames[i])
    (tmp_path / "notes.txt").write_text("no image")
    (tmp_path / ".hidden.png").write_text("no image")
    times, got = decoded(open_source(tmp_path, fps=10))
    assert_array_equal(got, frames)
    assert_allclose(times, np.arange(11) / 10)


def test_gray_images_and_gray_arrays_become_three_equal_channels(tmp_path):
    gray = gray_frames(2)[..., 0]
    cv2.imwrite(str(tmp_path / "0.png"), gray[0])
    cv2.imwrite(str(tmp_path / "1.png"), gray[1])
    for source in (tmp_path, gray):
        assert_array_equal(decoded(open_source(source))[1], np.repeat(gray[..., None], 3, axis=3))


def test_frames_of_several_sizes_are_refused(tmp_path):
    cv2.imwrite(str(tmp_path / "0.png"), np.zeros((40, 40), np.uint8))
    cv2.imwrite(str(tmp_path / "1.png"), np.zeros((40, 50), np.uint8))
    with pytest.raises(ValueError, match="frame 1 is 50 × 40 after 40 × 40"):
        read_sampled(open_source(tmp_path), 2)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("empty.mp4", b""),
        ("text.mp4", b"This is no video.\n" * 50),
        ("zeros.avi", bytes(5000)),
        ("a.gif", b"GIF89a"),
    ],
)
def test_files_that_are_no_videos_are_named(tmp_path, capfd, name, content):
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(ValueError, match=f"{name} (can't be read as a video|holds no frame)"):
        read_sampled(open_source(path), 3)
    assert capfd.readouterr() == ("", "")


def test_text_that_ffmpeg_takes_for_a_picture_is_no_video(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("FFmpeg draws text files as terminals.\n" * 20)
    with pytest.raises(ValueError, match="it is text"):
        open_source(path)


def test_truncated_video_gives_the_frames_that_are_there(tmp_path):
    path = write_video(tmp_path / "clip.avi", gray_frames(20, size=(320, 240)), "MJPG")
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    sampled = read_sampled(open_source(path), 5)
    assert 5 <= len(sampled.timestamps) < 20
    assert sampled.indices[0] == 0
    assert sampled.indices[-1] == len(sampled.timestamps) - 1


def test_video_without_a_frame_is_named(tmp_path):
    path = tmp_path / "none.avi"
    cv2.VideoWriter(str(path), cv2.CAP_FFMPEG, cv2.VideoWriter_fourcc(*"MJPG"), FPS, (64, 48)).release()
    with pytest.raises(ValueError, match=r"none\.avi"):
        read_sampled(open_source(path), 3)
    with pytest.raises(ValueError, match=r"array of shape \(0, 48, 64\) holds no frame"):
        read_sampled(open_source(np.zeros((0, 48, 64), np.uint8)), 3)


@pytest.mark.parametrize(
    ("source", "error", "message"),
    [
        ("nowhere.mp4", FileNotFoundError, "'nowhere.mp4' does not exist"),
        (3, TypeError, "a path or an array of frames; got int"),
        (np.zeros((2, 48, 64)), TypeError, "must be uint8.*got float64"),
        (np.zeros((2, 48, 64, 4), np.uint8), ValueError, r"must have shape .*got \(2, 48, 64, 4\)"),
        (np.zeros((48, 64), np.uint8), ValueError, r"must have shape .*got \(48, 64\)"),
        (np.zeros((48, 64, 3), np.uint8), ValueError, r"at least 16 pixels .*got \(64, 3\)"),
        ("/dev/null", ValueError, "must be a file or a folder"),
    ],
)
def test_wrong_sources_are_named(source, error, message):
    with pytest.raises(error, match=message):
        open_source(source)


def test_folder_without_images_is_named(tmp_path):
    with pytest.raises(ValueError, match="must hold images"):
        open_source(tmp_path)


def test_videos_of_a_folder_are_found_at_whatever_depth_in_natural_order(tmp_path):
    images, below = tmp_path / "clip10", tmp_path / "day" / "morning"
    for folder in (images, below, tmp_path / ".cache"):
        folder.mkdir(parents=True)
    names = ("clip2.MP4", "clip10/1.png", "day/morning/a.webm", ".cache/x.mp4", ".hidden.mp4", "notes.txt")
    for name in names:
        (tmp_path / name).touch()
    (below / "loop").symlink_to(tmp_path)
    assert find_videos(tmp_path) == [tmp_path / "clip2.MP4", images, below / "a.webm"]
    (below / "loop").unlink()
    assert find_videos(str(images)) == [images]
    for alone in (tmp_path / "notes.txt", tmp_path / "nowhere", tmp_path / ".cache" / "x.mp4"):
        assert find_videos(alone) == [alone]  # a file is whatever the user says that it is
    (below / "a.webm").unlink()
    assert find_videos(below) == [below]


def test_damaged_image_is_named(tmp_path):
    (tmp_path / "7.png").write_text("no image")
    with pytest.raises(ValueError, match=r"7\.png can't be read as an image"):
        open_source(tmp_path)


def test_samples_hold_both_ends_and_are_evenly_spread():
    times = np.arange(101) / 25
    indices = sample_indices(times, 11)
    assert_array_equal(indices, np.arange(0, 101, 10))
    assert_array_equal(sample_indices(times, 1), [0])
    assert_array_equal(sample_indices(times, None), np.arange(101))


def test_samples_of_a_part_lie_in_it():
    times = np.arange(101) / 25
    assert_array_equal(sample_indices(times, 3, start=1, stop=2), [25, 37, 50])
    assert_array_equal(sample_indices(times, None, start=3.96), [99, 100])
    assert len(sample_indices(times, 3, start=5)) == 0


def test_short_clips_repeat_the_nearest_frames():
    assert_array_equal(sample_indices(np.arange(3) / 25, 5), [0, 0, 1, 1, 2])
    assert_array_equal(sample_indices([0.0], 4), [0, 0, 0, 0])


def test_wrong_announcement_of_the_length_changes_nothing(tmp_path):
    source = open_source(write_video(tmp_path / "clip.mp4", gray_frames(20)))
    expected = read_sampled(source, 4)
    for announced in (0, 7, 50, 2_000_000_000):
        source.n_frames_hint = announced
        sampled = read_sampled(source, 4)
        assert_array_equal(sampled.indices, expected.indices)
        assert sampled.frames.keys() == expected.frames.keys()
        for i, frame in sampled.frames.items():
            assert_array_equal(frame, expected.frames[i])


def test_only_the_wanted_frames_are_decoded_and_kept():
    source = open_source(gray_frames(20))
    given = []
    whole = source.frames

    def counted():
        for time, decode in whole():
            yield time, lambda decode=decode: given.append(1) or decode()

    source.frames = counted
    assert len(read_sampled(source, 4).frames) == len(given) == 4


def test_part_without_a_frame_is_an_error():
    with pytest.raises(
        ValueError, match=r"no frame between start=9 and stop=None s; it runs from 0\.000 to 0\.760"
    ):
        read_sampled(open_source(gray_frames(20)), 3, start=9)


def test_natural_order_compares_numbers_as_numbers():
    names = ["b1.png", "a10.png", "a9.png", "A1.png", "a09b.png", "2.png", "10.png"]
    assert sorted(names, key=natural_key) == [
        "2.png",
        "10.png",
        "A1.png",
        "a9.png",
        "a09b.png",
        "a10.png",
        "b1.png",
    ]


def test_silence_ends_with_the_last_user(capfd):
    import os

    with silenced_stderr():
        with silenced_stderr():
            os.write(2, b"lost")
        os.write(2, b"lost too")
    os.write(2, b"heard")
    assert capfd.readouterr().err == "heard"
