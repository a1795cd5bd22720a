"""The command line, ``emoxai``."""

from . import _live, _making, _using  # noqa: F401  they register the commands
from ._app import app, main

__all__ = ["app", "main"]
