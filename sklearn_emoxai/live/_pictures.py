"""Pictures as they come over the network, and how they go."""

import io
import struct
import warnings

import numpy as np

MOST_BYTES = 4 << 20  # of one frame
_MOST_PIXELS = 8_300_000  # 3840 × 2160
_STAMP = struct.Struct("<d")


def unpacked(message):
    """Time stamp and frame of a message: a little-endian double, in seconds, and a JPEG.

    Parameters
    ----------
    message : bytes

    Returns
    -------
    timestamp : float
    frame : ndarray of shape (height, width, 3), uint8, RGB

    Raises
    ------
    ValueError
        If it is no such message, or the picture is damaged, or larger than 3840 × 2160 pixels. What is larger is not
        decoded.
    """
    if len(message) <= _STAMP.size:
        raise ValueError(f"A frame must be a time stamp and a JPEG; got {len(message)} bytes.")
    (timestamp,) = _STAMP.unpack_from(message)
    return timestamp, _decoded(message[_STAMP.size :])


def _decoded(jpeg):
    from PIL import Image, UnidentifiedImageError

    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)
            image = Image.open(io.BytesIO(jpeg), formats=["JPEG"])
        if image.width * image.height > _MOST_PIXELS:
            raise ValueError(
                f"A frame must have at most {_MOST_PIXELS} pixels; got {image.width} × {image.height}."
            )
        return np.asarray(image.convert("RGB"))
    except Image.DecompressionBombError as error:
        raise ValueError(f"A frame must have at most {_MOST_PIXELS} pixels; got more.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, struct.error) as error:
        raise ValueError("A frame must be a JPEG that can be decoded; got something else.") from error


def as_jpeg(frame):
    """A frame of shape (height, width, 3), uint8, RGB, as the bytes of a JPEG."""
    import cv2

    return cv2.imencode(".jpg", frame[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])[1].tobytes()
