"""The command line, ``emoxai``."""

from . import _making, _using, _using_elsewhere  # noqa: F401  they register the commands
from ._app import app, main

__all__ = ["app", "main"]
