"""Versions of the packages that results depend on: files tell of their writer, people of their installation."""

from importlib import metadata

from .. import __version__

# All that matter to somebody who looks for a fault; what a file depends on is fewer of them.
PACKAGES = (
    "sklearn-emoxai",
    "mediapipe",
    "opencv-contrib-python",
    "av",
    "pillow",
    "torch",
    "numba",
    "captum",
    "skorch",
    "skops",
    "scikit-learn",
    "numpy",
    "scipy",
    "pandas",
    "joblib",
    "matplotlib",
)


def installed_versions(packages=PACKAGES):
    """Return the versions of those packages that are installed, by name and in order; none is imported.

    Parameters
    ----------
    packages : iterable of str
        Names of distributions.

    Returns
    -------
    dict of str to str
    """
    found = {name: _version(name) for name in packages}
    return {name: version for name, version in found.items() if version}


def _version(name):
    if name == "sklearn-emoxai":
        return __version__
    try:
        return metadata.version(name)
    except Exception:  # not there, or removed in part: such metadata fail in many ways
        return None
