"""What ``emoxai --version`` prints: nothing heavy is imported for it, and it stands whatever is missing or broken."""

import os
import platform
import runpy
from importlib import metadata

from ..storage import PACKAGES, installed_versions

# One library under four names; where two are installed, each has overwritten files of the other.
_OPENCV = (
    "opencv-contrib-python",
    "opencv-contrib-python-headless",
    "opencv-python",
    "opencv-python-headless",
)


def installation():
    """Return what a report of a fault should tell of the installation, as lines of a table."""
    rows = []
    for package in PACKAGES:
        names = _OPENCV if package in _OPENCV else [package]
        rows += (installed_versions(names) or {package: "not installed"}).items()
        if package == "sklearn-emoxai":
            rows.append(("Python", f"{platform.python_version()}, {platform.platform()}"))
        elif package == "mediapipe":
            rows += _detector()
        elif package == "torch":
            rows[-1] = ("torch", rows[-1][1] + _torch_build())
    width = max(len(name) for name, _ in rows) + 1
    return [f"{name:<{width}}{text}" for name, text in rows]


def _detector():
    """What detector="auto" takes, and the model file that Tasks is told to load."""
    try:
        from ..extraction import MODEL_VARIABLE, has_bundled_graph

        taken = "bundled graph" if has_bundled_graph() else "Tasks"
    except Exception as error:  # MediaPipe or numpy is missing or broken, in whatever way
        return [("detector", f"unknown ({type(error).__name__})")]
    model = os.environ.get(MODEL_VARIABLE)
    if not model:
        told = "not set"
    else:
        # Terminals that can't show every letter refuse the whole line.
        shown = model.encode("ascii", "backslashreplace").decode()
        told = shown if os.path.isfile(model) else f"{shown} (no such file)"
    return [("detector", taken), (MODEL_VARIABLE, told)]


def _torch_build():
    """Whether torch is built for GPUs, by the small file in which it says so; its import takes seconds."""
    try:
        build = runpy.run_path(str(metadata.distribution("torch").locate_file("torch/version.py")))
    except Exception:  # torch is missing, or keeps that elsewhere
        return ""
    if build.get("cuda"):
        return f", with CUDA {build['cuda']}"
    return f", with ROCm {build['hip']}" if build.get("hip") else ", without CUDA"
