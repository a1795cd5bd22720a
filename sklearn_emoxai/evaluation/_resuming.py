"""Resuming a comparison: what its folder was begun for, and every cell that is finished."""

import hashlib
import json
import os
import platform
import re
import shutil
import warnings
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from ..storage import installed_versions, write_atomically

FORMAT = 1
_PACKAGES = ("sklearn-emoxai", "scikit-learn", "torch", "skorch", "numpy", "scipy", "pandas", "mediapipe")


class ResumableRun:
    """Cells of a comparison on disk, each written at once and whole."""

    def __init__(self, path):
        self.path = Path(path).absolute()  # workers may have other working folders
        self.cells = self.path / "cells"
        self.rankings = self.path / "rankings"

    def read(self):
        """What run.json says; None for a new folder.

        Raises
        ------
        ValueError
            If there is a run.json that is not of this program.
        """
        path = self.path / "run.json"
        if not path.exists():
            return None
        try:
            run = json.loads(path.read_text(encoding="utf-8"))
            if run["format"] != FORMAT:
                raise ValueError(f"format {run['format']}")
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f"folder must be new or hold a run of this program; {path} is not one: {error}."
            ) from error
        return run

    def start(self, run):
        """Make the folder, write run.json, and return what it says."""
        self.cells.mkdir(parents=True, exist_ok=True)
        run = run | {"started": _now(), "finished": None}
        self.write(run)
        return run

    def finish(self, run, table):
        """Write results.csv, and the time into run.json."""
        write_atomically(self.path / "results.csv", table.to_csv(index=False).encode())
        shutil.rmtree(self.rankings, ignore_errors=True)
        self.write(run | {"finished": _now()})

    def write(self, run):
        """Write run.json."""
        write_atomically(
            self.path / "run.json", (json.dumps(run, indent=2, ensure_ascii=False) + "\n").encode()
        )

    def load(self, key):
        """The row of a finished cell; None where it is not finished."""
        try:
            cell = json.loads(self._cell(key).read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError):
            return None
        return cell["row"] if cell["key"] == key else None

    def save(self, key, row):
        """Keep the row of a finished cell."""
        write_atomically(self._cell(key), json.dumps({"key": key, "row": row}, ensure_ascii=False).encode())

    def _cell(self, key):
        name = "-".join(re.sub(r"[^\w]+", "_", str(part)) for part in key)
        # The hash tells apart names that are alike once the odd characters are gone.
        mark = hashlib.sha256(json.dumps(key).encode()).hexdigest()[:8]
        return self.cells / f"{name[:100]}-{mark}.json"


def _now():
    return datetime.now(UTC).isoformat(timespec="seconds")


def fingerprint(values):
    """SHA-256 of an array, read in blocks, so that a memory map stays on disk; None for None."""
    if values is None:
        return None
    values = np.asarray(values)
    digest = hashlib.sha256(f"{values.shape}".encode())
    for block in np.array_split(np.arange(len(values)), -(-len(values) // 256)):
        part = values[block]
        digest.update(part.tobytes() if part.dtype.kind in "biuf" else json.dumps(part.tolist()).encode())
    return digest.hexdigest()


def difference(old, new):
    """All that a run that goes on would do otherwise than it began, in words; "" where nothing.

    Parameters
    ----------
    old, new : dict
        Of run.json.
    """
    named = {"X": "the sequences X", "y": "the labels y", "groups": "the groups"}
    found = [
        f"{what} are others"
        for key, what in named.items()
        if old["fingerprints"][key] != new["fingerprints"][key]
    ]
    if old["models"] != new["models"]:
        found.append(f"models are {old['models']} there, {new['models']} here")
    found += _model_differences(old["fingerprints"]["models"], new["fingerprints"]["models"])
    scorers = [run["fingerprints"].get("scorers", {}) for run in (old, new)]
    found += [
        f"the scorer {name!r} is {_short(scorers[0].get(name, 'our own'))} there, "
        f"{_short(scorers[1].get(name, 'our own'))} here"
        for name in scorers[0] | scorers[1]
        if name in old["metrics"] and name in new["metrics"] and scorers[0].get(name) != scorers[1].get(name)
    ]
    found += _code_differences(old["fingerprints"], new["fingerprints"])
    kept = [run.get("keep_predictions", False) for run in (old, new)]
    if kept[0] != kept[1]:
        found.append(f"keep_predictions is {kept[0]} there, {kept[1]} here")
    for key in ("protocol_description", "emotions", "landmark_counts", "n_runs", "metrics", "random_state"):
        if old[key] != new[key]:
            name = key.removesuffix("_description")
            found.append(f"{name} is {_short(old[key])} there, {_short(new[key])} here")
    return "; ".join(found)


def _code_differences(old, new):
    """Code, and versions of the packages it is in, that are other ones, each change once."""
    pairs = [("of protocol", old.get("splitter"), new["splitter"])]
    for key, what in (("code", "model"), ("scorer_code", "scorer")):
        for name, after in new.get(key, {}).items():
            pairs.append((f"of the {what} {name!r}", old.get(key, {}).get(name), after))
    found = []
    for whose, before, after in pairs:
        what = "has changed" if before else "is not known there"
        before = before or {"parts": {}, "packages": after["packages"]}  # an older version wrote it
        if parts := _others(before["parts"], after["parts"]):
            found.append(f"the code {whose} {what} ({', '.join(parts)})")
        for name in _others(before["packages"], after["packages"]):
            versions = [part["packages"].get(name) for part in (before, after)]
            found.append(f"{name} is {versions[0]} there, {versions[1]} here")
        if after["unknown"]:
            found.append(
                f"whether the code {whose} has changed can't be told ({', '.join(after['unknown'])})"
            )
    return list(dict.fromkeys(found))


def _others(before, after):
    """Keys whose values differ, or that one of two dicts lacks."""
    return [key for key in {**before, **after} if before.get(key) != after.get(key)]


def warn_of_unknown_code(run):
    """Warn where a comparison that begins could not go on later."""
    prints = run["fingerprints"]
    codes = {**prints["code"], **prints["scorer_code"], "protocol": prints["splitter"]}
    unknown = {name: code["unknown"] for name, code in codes.items() if code["unknown"]}
    if unknown:
        warnings.warn(
            "folder keeps the results, but the comparison can't go on there after an interruption: whether the code of "
            f"{unknown} has changed couldn't be told, because it can't be had.",
            stacklevel=3,
        )


def _model_differences(old, new):
    """Parameters that differ, each once, with the models that have it: one network is in many models."""
    models = {}
    for name in (name for name in new if name in old and old[name] != new[name]):
        before, after = _parameters(old[name]), _parameters(new[name])
        changes = []
        if [key for key, _ in before] == [key for key, _ in after]:
            changes = [
                f"{key}={a} there, {key}={b} here" for (key, a), (_, b) in zip(before, after) if a != b
            ]
        for change in dict.fromkeys(changes or ["other steps or parameters"]):
            models.setdefault(change, []).append(name)
    found = []
    for change, names in models.items():
        who = f"model {names[0]!r} has" if len(names) == 1 else f"models {', '.join(map(repr, names))} have"
        found.append(f"the {who} {change}")
    return found


def _parameters(text):
    """(name, text of the value) of a described model, whatever is nested."""
    parts = re.split(r"(\w+)=", text)
    return [
        (name, _short(value.partition(")")[0].rstrip(", "))) for name, value in zip(parts[1::2], parts[2::2])
    ]


def _short(value):
    text = str(value)
    return text if len(text) <= 80 else f"{text[:77]}..."


def machine():
    """The machine in words."""
    return f"{platform.machine()}, {os.cpu_count()} cores, {platform.system()}, Python {platform.python_version()}"


def versions():
    """Versions of the packages that results depend on."""
    return installed_versions(_PACKAGES)
