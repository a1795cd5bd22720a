"""The model file of MediaPipe's Tasks: where it is, and its one download."""

import os
from pathlib import Path

MODEL_VARIABLE = "EMOXAI_FACE_LANDMARKER"
MODEL_URL = "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task"
MODEL_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"


def locate_model(model_path=None):
    """Return the model file of the Tasks detector, downloading it if it is nowhere.

    Parameters
    ----------
    model_path : path-like or None
        The file. None takes the one that the environment variable ``EMOXAI_FACE_LANDMARKER`` names, else
        pooch's cache folder, to which Google's file (3.8 MB, Apache-2.0) is downloaded once; its SHA-256 is
        checked every time.

    Returns
    -------
    str

    Raises
    ------
    FileNotFoundError
        ``model_path`` or the variable names no file.
    OSError
        The download failed: no network, a wrong hash, or a cache folder that can't be written.
    """
    for origin, path in (("model_path", model_path), (MODEL_VARIABLE, os.environ.get(MODEL_VARIABLE))):
        if path:
            if not Path(path).is_file():
                raise FileNotFoundError(
                    f"{origin} must name the face-landmarker file; {str(path)!r} is no file."
                )
            return os.fspath(path)
    return _download_model()


def _download_model():
    import pooch
    import requests  # what pooch downloads with

    folder = pooch.os_cache("sklearn-emoxai")
    way_out = f"Download {MODEL_URL} yourself and give its path as model_path or in {MODEL_VARIABLE}."
    try:
        return pooch.retrieve(
            MODEL_URL,
            known_hash=f"sha256:{MODEL_SHA256}",
            fname="face_landmarker.task",
            path=folder,
            progressbar=True,
        )
    except ValueError as error:  # pooch's wrong hash
        raise OSError(
            f"The download of the face-landmarker file is not the published one. {way_out}"
        ) from error
    except requests.RequestException as error:  # no network, a proxy, a timeout; an OSError too
        raise OSError(
            f"The face-landmarker file can't be downloaded ({type(error).__name__}). {way_out}"
        ) from error
    except OSError as error:
        raise OSError(
            f"The face-landmarker file can't be stored in {folder} ({error.strerror}). {way_out}"
        ) from error
