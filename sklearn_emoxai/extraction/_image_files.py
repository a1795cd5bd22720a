"""Images, each of them a frame."""

import contextlib
import os
from pathlib import Path

import numpy as np

from ._clip_files import IMAGE_SUFFIXES, is_image, natural_key
from ._frame_source import MAX_PIXELS, FrameSource, check_range, check_size, over_white, read_head
from ._silence import named_libraries, silenced_stderr

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # others start programs, as PostScript does
_PAGED = ("TIFF", "GIF", "WEBP", "PNG")  # formats whose further pictures are pages or frames, and no previews


class ImageFiles(FrameSource):
    """Image files, one a frame; time is the position divided by fps."""

    def __init__(self, name, files, fps):
        self.name, self.files, self.fps = name, files, fps
        self.n_frames_hint, self.n_frame_bytes = len(files), read_image(files[0]).nbytes

    def frames(self):
        """See FrameSource."""
        for i, file in enumerate(self.files):
            yield i / self.fps, lambda file=file: read_image(file)


def open_image_folder(path, fps):
    """Return the images of a folder in natural order: frame2 comes before frame10."""
    files = [file for file in Path(path).iterdir() if is_image(file)]
    if not files:
        raise ValueError(f"{path} must hold images ({', '.join(sorted(IMAGE_SUFFIXES))}); it has none.")
    return ImageFiles(os.fspath(path), sorted(files, key=lambda file: natural_key(file.name)), fps)


def read_image(path):
    """Return an image file as viewers show it.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    ndarray of shape (height, width, 3), uint8
        RGB, upright, before white where it is transparent.

    Raises
    ------
    ValueError
        It is no image, too large, holds several pictures, or its pixels have neither 8 bits nor all of 16.
    """
    from PIL import Image, ImageOps

    name = os.fspath(path)
    read_head(path, "an image")
    with contextlib.ExitStack() as stack:
        with _named_errors(name):
            image = stack.enter_context(Image.open(path, formats=_FORMATS))
            n_pictures = getattr(image, "n_frames", 1) if image.format in _PAGED else 1
            bits = _bits(image)
        check_size(name, *image.size)
        if n_pictures > 1:
            raise ValueError(f"{name} must hold one picture, the frame; it holds {n_pictures}.")
        if bits == 16:
            return _read_deep(path, name)
        if bits != 8:
            raise ValueError(f"{name} must have pixels of 8 or 16 bits, unsigned; it has {bits}.")
        with _named_errors(name):
            image.load()
            image = ImageOps.exif_transpose(image)
            if image.has_transparency_data:
                return over_white(np.asarray(image.convert("RGBA")))
            return np.array(image.convert("RGB"))


@contextlib.contextmanager
def _named_errors(name):
    """Turn what Pillow raises on damaged files, which may be anything, into an error that names the file."""
    from PIL import Image

    try:
        yield
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(f"{name} must have at most {MAX_PIXELS} pixels: {error}") from error
    except Exception as error:
        raise ValueError(
            f"{name} can't be read as an image: it is damaged, no image, or its pixels have neither 8 nor 16 bits."
        ) from error


def _bits(image):
    """Return 8 or 16 for images with so many bits a channel or fewer, else what they have in words."""
    if image.format == "TIFF":
        bits, kind = (max(image.tag_v2.get(tag, (1,))) for tag in (258, 339))  # BitsPerSample, SampleFormat
        if kind != 1:
            return f"{bits} bits, {({2: 'signed', 3: 'floating-point'}).get(kind, 'of an unknown kind')}"
        return 8 if bits <= 8 else 16 if bits == 16 else f"{bits} bits"
    deep = image.mode in ("I", "F") or image.mode.startswith("I;")
    if image.format == "PNG":
        return 16 if deep or any("16" in str(tile[3]) for tile in image.tile) else 8
    return f"{image.mode} for each" if deep else 8


def _read_deep(path, name):
    """Read an image of 16 bits, which Pillow would cut to 8."""
    with named_libraries():
        import cv2

    data = np.frombuffer(Path(path).read_bytes(), np.uint8)
    with silenced_stderr():
        try:
            stored = cv2.imdecode(data, cv2.IMREAD_UNCHANGED)
            image = cv2.imdecode(data, cv2.IMREAD_ANYDEPTH | cv2.IMREAD_COLOR)  # turned as EXIF says
        except cv2.error:
            image = None
    if image is None or stored is None or image.dtype != np.uint16:
        raise ValueError(f"{name} can't be read as an image of 16 bits: it is damaged.")
    if stored.ndim == 3 and stored.shape[2] == 4 and stored[..., 3].min() < (1 << 16) - 1:
        raise ValueError(f"{name} must not be transparent, as it has 16 bits; images of 8 bits may be.")
    check_range(name, image.max())
    return np.ascontiguousarray((image[..., ::-1] / 257).round().astype(np.uint8))
