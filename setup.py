"""Says on which Pythons nothing can be installed, before pip compares versions; all else is in setup.cfg."""

import platform
import re
import sys
from configparser import ConfigParser

from setuptools import setup

options = ConfigParser()
options.read("setup.cfg", encoding="utf-8")
first, beyond = map(int, re.findall(r"3\.(\d+)", options["options"]["python_requires"]))
if not first <= sys.version_info.minor < beyond:
    sys.exit(
        f"sklearn-emoxai needs Python 3.{first} to 3.{beyond - 1}, for which torch, MediaPipe and the others have "
        f"wheels; this is Python {platform.python_version()}."
    )
setup()
