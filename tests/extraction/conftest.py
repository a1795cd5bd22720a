"""Videos as their containers and codecs can store them."""

import av
import numpy as np
import pytest


@pytest.fixture
def quarters():
    """Four frames, (4, 48, 64, 3), uint8, whose quarters are red, green, blue and gray."""
    frames = np.full((4, 48, 64, 3), 128, np.uint8)
    frames[:, :24, :32] = 200, 30, 30
    frames[:, :24, 32:] = 30, 200, 30
    frames[:, 24:, :32] = 30, 30, 200
    return frames


@pytest.fixture
def encode(tmp_path):
    """Function: write frames with a codec that loses nothing, unless told otherwise; the path is returned.

    `prepare` gets the stream before the first frame is written.
    """

    def encode(
        name, frames, codec="ffv1", pix_fmt="bgr0", *, rate=20, times=None, prepare=None, container=None
    ):
        path = tmp_path / name
        with av.open(str(path), "w", format=container) as output:
            stream = output.add_stream(codec, rate=rate)
            stream.height, stream.width = frames[0].shape[:2]
            stream.pix_fmt = pix_fmt
            if prepare is not None:
                prepare(stream)
            for i, frame in enumerate(frames):
                kind = "rgb48" if frame.dtype == np.uint16 else "rgba" if frame.shape[2] == 4 else "rgb24"
                picture = av.VideoFrame.from_ndarray(frame, format=kind + "le" * (kind == "rgb48"))
                if stream.color_range:  # the encoder takes the numbers as they are
                    picture = picture.reformat(format=pix_fmt, dst_color_range=stream.color_range)
                picture.pts = i if times is None else times[i]
                output.mux(stream.encode(picture))
            output.mux(stream.encode(None))
        return path

    return encode


@pytest.fixture
def decoded():
    """Function: the times and the frames of a source, (n_frames,) and (n_frames, height, width, 3)."""

    def decoded(source):
        from sklearn_emoxai.extraction import open_source

        times, frames = zip(*((time, decode()) for time, decode in open_source(source).frames()))
        return np.array(times), np.array(frames)

    return decoded
