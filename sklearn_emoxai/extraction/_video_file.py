"""Video files, decoded by FFmpeg through PyAV."""

import contextlib
import itertools
import os
import struct
from fractions import Fraction

import numpy as np

from ._frame_source import MAX_PIXELS, FrameSource, check_range, check_size, over_white

# Containers that hold videos. FFmpeg knows others, which draw text or follow playlists to other files and the network.
_CONTAINERS = (
    "apng,asf,av1,avi,dv,flv,gif,h263,h264,hevc,ivf,m4v,matroska,mov,mpeg,mpegts,mpegvideo,mxf,nut,obu,ogg,rm,vc1,wtv,"
    "yuv4mpegpipe"
)
_OPTIONS = {"format_whitelist": _CONTAINERS, "protocol_whitelist": "none", "max_pixels": str(MAX_PIXELS)}
_MAX_STRETCH = 4  # real pixels are at most three times as long as wide; more is an error of the file
_SAME_SHAPE = 0.02  # pictures whose proportions differ by less are one picture in several resolutions
_WITHOUT_LAST = ("mpeg", "nut")  # containers whose duration ends where the last frame begins
_ONE = 1 << 16  # 1 in the fixed-point numbers of display matrices


class VideoFile(FrameSource):
    """A video file: one stream of it, upright and in square pixels, as players show it.

    Of several video streams it is the first that the file marks as the default one, or else the first; cover pictures
    are none.

    Raises
    ------
    ValueError
        The file is no video, has no frame or too large ones, or stretches its pixels by more than a factor of 4.
    """

    def __init__(self, path):
        self.name, self._path = os.fspath(path), path
        with self._open() as (container, stream):
            rate = float(stream.average_rate or stream.guessed_rate or 0)
            self.fps = rate if 0 < rate <= 1000 else 25.0
            if stream.duration is not None:
                duration = float(stream.duration * stream.time_base)
            else:
                duration = (container.duration or 0) / 1e6
            announced = stream.frames or round(max(0.0, duration) * self.fps)
            if not stream.frames and container.format.name in _WITHOUT_LAST:
                announced += 1
            self.n_frames_hint = max(0, int(min(announced, 1 << 31)))
            size = self._shown_size(stream.width, stream.height, stream.sample_aspect_ratio)
            self.n_frame_bytes = 3 * size[0] * size[1]

    @contextlib.contextmanager
    def _open(self):
        import av

        # Titles and the like may be in any encoding, which PyAV minds before version 19.
        lenient = {"metadata_errors": "replace"} if int(av.__version__.partition(".")[0]) < 19 else {}
        with contextlib.ExitStack() as stack:
            file = stack.enter_context(open(self._path, "rb"))
            try:
                container = stack.enter_context(
                    av.open(file, options=_OPTIONS, buffer_size=1 << 17, io_open=_refuse, **lenient)
                )
            except (av.FFmpegError, OSError) as error:
                raise self._error("it is damaged, or no video") from error
            # Times that are missing are not guessed by order of storage: the decoder knows better.
            container.flags &= ~av.container.core.Flags.gen_pts.value
            yield container, self._stream(container)

    def _stream(self, container):
        """Choose the stream and open its decoder, on one thread."""
        import av

        streams = container.streams.video
        pictures = av.stream.Disposition.attached_pic | av.stream.Disposition.timed_thumbnails
        videos = [stream for stream in streams if not stream.disposition & pictures]
        if not videos:
            raise self._error("it holds a cover picture, but no video" if streams else "it holds no video")
        default = av.stream.Disposition.default
        stream = next((stream for stream in videos if stream.disposition & default), videos[0])
        context = stream.codec_context
        if context is None:
            raise self._error("FFmpeg has no decoder for it")
        if not context.width or not context.height:
            raise self._error(f"it tells no size of its frames, or one of more than {MAX_PIXELS} pixels")
        check_size(self.name, context.width, context.height)
        context.options = {"max_pixels": str(MAX_PIXELS)}
        context.thread_count, context.thread_type = 1, av.codec.context.ThreadType.NONE
        try:
            context.open(strict=False)
        except av.FFmpegError as error:
            raise self._error(f"FFmpeg can't decode its {context.name}") from error
        return stream

    def frames(self):
        """See FrameSource. Frames that can't be decoded, or not undamaged, are passed over."""
        from av.video.reformatter import VideoReformatter

        with self._open() as (container, stream):
            converter = VideoReformatter()  # one for all frames: it keeps its tables
            start, previous, size = stream.start_time, -1 / self.fps, None
            aspect = announced = None
            for frame in _decoded(container, stream):
                pts = frame.dts if frame.pts is None else frame.pts
                start = pts if start is None else start
                timestamp = previous if pts is None else float((pts - start) * stream.time_base)
                # Some containers hold no times, or times that run back: count on at the announced rate.
                if not timestamp > previous:
                    timestamp = previous + 1 / self.fps
                previous = timestamp
                # The container's word on the pixels' shape goes before the codec's, until that changes.
                coded = stream.codec_context.sample_aspect_ratio
                if announced is None:
                    aspect, announced = stream.sample_aspect_ratio, (coded,)
                elif (coded,) != announced:
                    aspect, announced = coded, (coded,)
                shown = self._shown_size(frame.width, frame.height, aspect)
                size = size or shown
                yield timestamp, _decoder(frame, converter, _resolution(shown, size), self.name)

    def _shown_size(self, width, height, aspect):
        """Width and height in square pixels; none are lost."""
        aspect = float(aspect or 1)
        if not 1 / _MAX_STRETCH <= aspect <= _MAX_STRETCH:
            raise ValueError(
                f"{self.name} must have pixels with a sample aspect ratio between 1:{_MAX_STRETCH} and "
                f"{_MAX_STRETCH}:1; it says {aspect:.6g}:1."
            )
        width, height = (round(width * aspect), height) if aspect > 1 else (width, round(height / aspect))
        check_size(self.name, width, height)
        return width, height

    def _error(self, reason):
        return ValueError(f"{self.name} can't be read as a video: {reason}.")


def _refuse(url, flags, options):
    raise PermissionError(f"A video may not open another file; this one asks for {url}.")


def _decoded(container, stream):
    """Yield the frames of a stream."""
    import av

    packets = container.demux(stream)
    while True:
        try:
            packet = next(packets)
        except (StopIteration, av.FFmpegError, OSError):  # the file's end, or it is cut off
            return
        try:
            frames = packet.decode()
        except av.FFmpegError:
            continue
        yield from (frame for frame in frames if not frame.is_corrupt)


def _resolution(shown, first):
    """Size to decode to: the first frame's if this is the same picture, as calls over a network change it."""
    return first if abs(shown[0] * first[1] / (shown[1] * first[0]) - 1) < _SAME_SHAPE else shown


def _decoder(frame, converter, size, name):
    def decode():
        parts = frame.format.components
        has_alpha = frame.format.has_palette or any(part.is_alpha for part in parts)
        if any(part.bits == 16 for part in parts):
            check_range(name, _converted(frame, converter, size, "gray16le").max())
        pixels = _converted(frame, converter, size, "rgba" if has_alpha else "rgb24")
        return _turned(over_white(pixels) if has_alpha else pixels, _display_matrix(frame), name)

    return decode


def _converted(frame, converter, size, pix_fmt):
    return converter.reformat(frame, *size, pix_fmt, interpolation="BICUBIC", threads=1).to_ndarray()


def _display_matrix(frame):
    from av.sidedata.sidedata import SideDataContainer

    try:
        # frame.side_data would make the frame refer to itself: it would stay in memory until garbage is collected.
        data = SideDataContainer(frame).get("DISPLAYMATRIX")
    except (
        ValueError
    ) as error:  # PyAV before 19 gives none if there is one that it does not know, and names that
        return _display_matrix(_without_side_data(frame, int(str(error).split()[0])))
    return None if data is None else struct.unpack("=9i", bytes(data))


def _without_side_data(frame, kind):
    """Return the frame without one of FFmpeg's AVFrameSideDataType."""
    import av

    graph = av.filter.Graph()
    nodes = [
        graph.add_buffer(
            width=frame.width,
            height=frame.height,
            format=frame.format,
            time_base=frame.time_base or Fraction(1),
        ),
        graph.add("sidedata", f"mode=delete:type={kind}"),
        graph.add("buffersink"),
    ]
    for one, next_one in itertools.pairwise(nodes):
        one.link_to(next_one)
    graph.configure()
    graph.push(frame)
    return graph.pull()


def _turned(pixels, matrix, name):
    """Turn and mirror a frame as a display matrix tells.

    Players show the stored pixel (p, q) at (a p + c q + x, b p + d q + y), where the matrix is
    (a, b, u, c, d, v, x, y, w). What it moves by or stretches evenly does not matter here.

    Raises
    ------
    ValueError
        It does not map rows and columns to rows and columns.
    """
    if matrix is None or not any(matrix[:2] + matrix[3:5]):
        return np.ascontiguousarray(pixels)
    a, b, c, d = (value / max(map(abs, matrix[:2] + matrix[3:5])) for value in matrix[:2] + matrix[3:5])
    kept, exchanged = (min(abs(one), abs(other)) for one, other in ((a, d), (b, c)))
    if kept > 0.2 and max(abs(b), abs(c)) < 0.01:
        turned = pixels[:: int(np.sign(d)), :: int(np.sign(a))]
    elif exchanged > 0.2 and max(abs(a), abs(d)) < 0.01:
        turned = pixels.swapaxes(0, 1)[:: int(np.sign(b)), :: int(np.sign(c))]
    else:
        raise ValueError(
            f"{name} must be shown upright, mirrored or in quarter turns; its display matrix says "
            f"{[round(value / _ONE, 3) for value in matrix[:2] + matrix[3:5]]}."
        )
    return np.ascontiguousarray(turned)
