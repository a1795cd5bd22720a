"""Resolve the project with constraints.txt for every Python and platform that it is for; nothing is installed.

    python .ci/resolve.py

The requirements of setup.cfg and of its extras "tests" and "docs" are resolved together, from wheels alone, by uv,
which this Python has to have. A target fails where no versions fit together, or where a requirement slips through the
markers of constraints.txt without a pin. What is known to fail, for what upstream lacks, fails the check as soon as it
works, so that the list below stays true. Last, the lower bounds have to be versions that exist and fit together.
"""

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

PYTHONS = ["3.11", "3.12", "3.13", "3.14", "3.15"]
# By what uv calls them.
PLATFORMS = {
    "Linux x86_64": "x86_64-manylinux_2_28",
    "Linux aarch64": "aarch64-manylinux_2_28",
    "macOS arm64": "aarch64-apple-darwin",
    "Windows amd64": "x86_64-pc-windows-msvc",
    "macOS x86_64": "x86_64-apple-darwin",
    "Windows arm64": "aarch64-pc-windows-msvc",
}
# OpenCV 5.1's wheel for Apple silicon wants macOS 15, torch's 14.
MACOS = "15.0"
# The platforms on which no Python works, and why.
KNOWN = {
    "macOS x86_64": "torch, numba and mediapipe 1.x have no wheels for Intel processors",
    "Windows arm64": "torch and mediapipe 0.10.21 have no wheels for ARM",
}
# Reported, to show which generation of MediaPipe a target gets.
SHOWN = ["mediapipe", "numpy", "torch", "numba"]


def requirements(*extras):
    """The requirements of setup.cfg, and those of the extras."""
    config = configparser.ConfigParser()
    config.read("setup.cfg")
    lists = [
        config["options"]["install_requires"],
        *(config["options.extras_require"][name] for name in extras),
    ]
    return [line for text in lists for line in text.splitlines() if line]


def name_of(requirement):
    """The name as packages are compared by."""
    return re.sub(r"[-_.]+", "-", re.match(r"[\w.-]+", requirement)[0]).lower()


def pins(text):
    """The version that each line of a text names, as pairs of name and version."""
    lines = (line.partition(";")[0].split("==") for line in text.splitlines() if not line.startswith("#"))
    return [(name_of(name), version) for name, version in lines]


def resolve(lines, python, platform, *options):
    """The versions by name; where there are none, RuntimeError with what uv says."""
    command = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        "--quiet",
        "--no-config",
        "--no-header",
        "--no-annotate",
    ]
    # Without --python, uv looks for an interpreter of the target's version, which takes it seconds.
    command += ["--python", sys.executable, "--python-version", python, "--python-platform", platform]
    done = subprocess.run(
        [*command, "--only-binary", ":all:", *options, "-"],
        input="\n".join(lines),
        capture_output=True,
        text=True,
        env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": MACOS},
    )
    if done.returncode:
        raise RuntimeError(done.stderr.strip())
    return dict(pins(done.stdout))


def check_target(python, platform):
    """The versions of a target, or why it is known to fail; RuntimeError where it is not as it should be."""
    lines = requirements("tests", "docs")
    try:
        versions = resolve(lines, python, PLATFORMS[platform], "--constraints", "constraints.txt")
    except RuntimeError as error:
        # A failed download, for example, would prove nothing.
        if platform in KNOWN and re.search("has no (usable )?wheels", str(error)):
            return f"known to fail: {KNOWN[platform]}"
        raise
    if platform in KNOWN:
        raise RuntimeError("it works: take the platform out of KNOWN")
    pinned = pins(Path("constraints.txt").read_text())
    for name in map(name_of, lines):
        if name in versions and (name, versions[name]) not in pinned:
            raise RuntimeError(f"constraints.txt does not pin {name}, resolved to {versions[name]}")
    return shown(versions)


def check_lower_bounds():
    """The oldest versions on the oldest Python; RuntimeError where a lower bound is not among them."""
    lines = requirements("tests")
    versions = resolve(lines, PYTHONS[0], PLATFORMS["Linux x86_64"], "--resolution", "lowest-direct")
    for line in lines:
        bound, lowest = re.search(r">=([\d.]+)", line), versions[name_of(line)]
        if bound and not re.fullmatch(re.escape(bound[1]) + r"(\.0)*", lowest):
            raise RuntimeError(
                f"the lower bound of {line} can't be had; the lowest version that can is {lowest}"
            )
    return shown(versions)


def shown(versions):
    """What is reported of a target that works."""
    return ", ".join(f"{name} {versions[name]}" for name in SHOWN if name in versions)


def main():
    """Report every check; return how many failed."""
    failed = 0
    checks = [
        (platform, python, check_target, (python, platform)) for platform in PLATFORMS for python in PYTHONS
    ]
    for label, python, check, arguments in [*checks, ("Lower bounds", PYTHONS[0], check_lower_bounds, ())]:
        try:
            report = check(*arguments)
        except RuntimeError as error:
            failed += 1
            report = f"FAILED: {error}"
        print(f"{label:14}Python {python}  {report}", flush=True)
    return failed


if __name__ == "__main__":
    os.chdir(Path(__file__).parents[1])
    sys.exit(bool(main()))
