"""Streams of frames that this machine reads itself: files, network streams and cameras."""

import contextlib
import json
import re
import threading
import time

from ..extraction import named_libraries, open_source, silenced_stderr


def open_stream(source):
    """Frames of a file, a stream or a camera, in order.

    Parameters
    ----------
    source : str or path-like
        A video file or a folder of images; an address such as ``rtsp://…``; or the number of a camera.

    Returns
    -------
    generator of (timestamp, frame)
        In seconds from the first frame, and ndarray of shape (height, width, 3), uint8, RGB.

    Raises
    ------
    FileNotFoundError, ValueError
        There is no such file, or it is no video.
    OSError
        The camera or the stream can't be opened.
    """
    text = str(source)
    if text.isdecimal():
        return _captured(_opened(int(text)), f"Camera {text}")
    if _is_capture(source):
        return _captured(_opened(text), text)
    frames = open_source(source).frames()
    return ((timestamp, decode()) for timestamp, decode in frames)


def _is_capture(source):
    """Whether a source goes on whether its frames are taken or not: a camera, or a network's stream."""
    return str(source).isdecimal() or re.match(r"[a-z][a-z0-9+.-]+://", str(source)) is not None


def _opened(source):
    with named_libraries():
        import cv2
    with silenced_stderr():
        capture = (
            cv2.VideoCapture(source) if isinstance(source, int) else cv2.VideoCapture(source, cv2.CAP_FFMPEG)
        )
    if capture.isOpened():
        return capture
    capture.release()
    if isinstance(source, int):
        raise OSError(
            f"Camera {source} can't be opened: there is none of this number, another program uses it, or this one may "
            "not. Without --source, the browser's camera is shown."
        )
    raise OSError(f"{source} can't be opened as a video stream.")


def _captured(capture, name):
    """Yield a capture's frames with the times at which they came."""
    import cv2

    start = None
    try:
        while True:
            with silenced_stderr():
                ok, frame = capture.read()
            now = time.monotonic()
            if not ok:
                if start is None:
                    raise OSError(f"{name} gives no frame: another program may be using it.")
                return
            start = now if start is None else start
            yield now - start, cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
    finally:
        with silenced_stderr():
            capture.release()


class Newest:
    """Reads a stream in a thread of its own, at its own pace, and keeps its newest frame alone.

    Parameters
    ----------
    frames : iterator of (timestamp, frame)
        A file's are taken no faster than their time stamps say.

    Attributes
    ----------
    n_dropped : int
        Frames that were replaced before anybody took them.
    """

    def __init__(self, frames):
        self._frames, self._there = frames, threading.Condition()
        self._newest, self._end, self.n_dropped = None, None, 0
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()

    def take(self):
        """The newest frame that nobody took yet; waits for one.

        Returns
        -------
        (timestamp, frame), or None at the stream's end

        Raises
        ------
        OSError, ValueError
            What the stream raised.
        """
        with self._there:
            self._there.wait_for(lambda: self._newest is not None or self._end is not None)
            taken, self._newest = self._newest, None
        if taken is None and isinstance(self._end, Exception):
            raise self._end
        return taken

    def close(self):
        """End the reading."""
        with self._there:
            self._end = self._end or True
            self._there.notify_all()
        self._thread.join()

    def _read(self):
        end = True
        try:
            start = time.monotonic()
            for timestamp, frame in self._frames:
                with self._there:
                    # Not later than the frame's own time: a file is read as fast as it would be shown.
                    if self._there.wait_for(lambda: self._end, max(0, start + timestamp - time.monotonic())):
                        return
                    self.n_dropped += self._newest is not None
                    self._newest = timestamp, frame
                    self._there.notify_all()
        except (OSError, ValueError) as error:
            end = error
        finally:
            self._frames.close()
            with self._there:
                self._end = self._end or end
                self._there.notify_all()


def print_results(live, source):
    """Print a line of JSON for each frame of a source: every frame of a file, the newest ones of a camera or a stream.

    Parameters
    ----------
    live : LiveDetector
    source : str or path-like
        As in `open_stream`.
    """
    with contextlib.ExitStack() as stack:
        frames = open_stream(source)
        if _is_capture(source):
            newest = stack.enter_context(contextlib.closing(Newest(frames)))
            frames = iter(newest.take, None)
        for timestamp, frame in frames:
            result = live.update(frame, timestamp)
            line = {
                "seconds": round(timestamp, 4),
                "face": result.face,
                "emotion": result.emotion,
                "probabilities": result.probabilities,
                "neutral": result.neutral,
                "n_faces": result.n_faces,
            }
            print(json.dumps(line, ensure_ascii=False), flush=True)
