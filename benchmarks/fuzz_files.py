"""Hostile and damaged files, each read in a bounded process: what became of them.

    python benchmarks/fuzz_files.py --count 100 --seed 0

Makes model files (.skops), landmark files (.npz) and folders of landmarks: sound ones that are then cut off, flipped,
compressed or rewritten, and ones made to harm, such as zip bombs, names that lead out of the folder, pickles, headers
of huge arrays and deep nesting. They are read by ``load`` and ``load_landmarks``, many in one process, whose memory,
file sizes and time are limited. Right is an error of ours, a ValueError, TypeError or OSError that names the file; of
damage that does not matter, a result. Anything else is counted and printed, and the exit status is then 1.
"""

import argparse
import collections
import io
import json
import os
import random
import subprocess
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np

MEMORY = 2 << 30  # bytes that reading may take beyond what the process holds when all is imported
DISK = 64 << 20  # bytes that a file may be written to
SECONDS = 60  # for a file
KINDS = ("model", "landmarks", "folder")
SHAPE = (4, 3, 2, 6)

READER = """
import json, os, resource, signal, sys, warnings
warnings.simplefilter("ignore")
import numpy, skops.io, sklearn.pipeline
from sklearn_emoxai import ConvLSTMClassifier, IGLandmarkSelector, LandmarkAligner, load, load_landmarks
used = int(open("/proc/self/statm").read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
resource.setrlimit(resource.RLIMIT_AS, (used + {memory}, used + {memory}))
resource.setrlimit(resource.RLIMIT_FSIZE, ({disk}, {disk}))
signal.signal(signal.SIGALRM, signal.SIG_DFL)
print("ready", flush=True)
for line in sys.stdin:
    kind, path = json.loads(line)
    signal.alarm({seconds})
    try:
        (load if kind == "model" else load_landmarks)(path)
        outcome = ["read", ""]
    except (ValueError, TypeError, OSError) as error:
        outcome = ["refused" if os.path.basename(path) in str(error) else "error without the file's name", str(error)]
    except BaseException as error:
        outcome = ["other error", type(error).__name__ + ": " + str(error)]
    signal.alarm(0)
    print(json.dumps(outcome), flush=True)
"""


# Sound contents, to be damaged


def sound_model(rng):
    """Bytes of an estimator as ``save`` writes it."""
    from sklearn.pipeline import make_pipeline
    from sklearn.svm import SVC

    from sklearn_emoxai import SequenceFlattener, VarianceLandmarkSelector, save

    X = np.random.default_rng(rng.randrange(1000)).normal(size=SHAPE)
    model = make_pipeline(VarianceLandmarkSelector(n_landmarks_to_select=2), SequenceFlattener(), SVC())
    with tempfile.TemporaryDirectory() as folder:
        save(model.fit(X, [0, 1, 0, 1]), Path(folder) / "m.skops")
        return (Path(folder) / "m.skops").read_bytes()


def sound_landmarks(rng):
    """Bytes of a landmark file."""
    from sklearn_emoxai import save_landmarks

    with tempfile.TemporaryDirectory() as folder:
        save_landmarks(Path(folder) / "l.npz", np.zeros(SHAPE), target=["a", "b"] * 2, groups=[1, 2, 3, 4])
        return (Path(folder) / "l.npz").read_bytes()


def sound_folder(path):
    """A finished folder of landmarks at a path."""
    from sklearn_emoxai.storage import LandmarkFolder

    folder = LandmarkFolder.create(path, SHAPE, target=list("abab"), settings="none")
    folder.append(
        [(np.zeros(SHAPE[1:]), np.ones(SHAPE[1], bool), None, {"file": str(i)}) for i in range(SHAPE[0])]
    )


# Damage to bytes


def cut(data, rng):
    return data[: rng.randrange(len(data))]


def flipped(data, rng):
    data = bytearray(data)
    for _ in range(rng.randint(1, 20)):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def noise(data, rng):
    return rng.randbytes(rng.randrange(5000))


def doubled(data, rng):
    return data + data[rng.randrange(len(data)) :]


DAMAGE = (cut, flipped, noise, doubled)


# Archives made to harm


def npy(dtype="<f4", shape=(2,), content=b"", *, descr=None):
    """An npy file whose header says whatever it is told to."""
    header = f"{{'descr': {descr or dtype!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    header += b" " * (-(len(header) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + content


def pickle_bomb():
    """A pickle that makes a file beside the reader, if it is ever loaded."""
    return b"cbuiltins\nopen\n(S'written_by_a_pickle'\nS'w'\ntR."


def object_array():
    return npy("|O", (1,), pickle_bomb())


HARMFUL_ARRAYS = {
    "huge": lambda: npy("<f4", (2**40, 10, 2, 468)),
    "overflowing": lambda: npy("<f8", (2**62, 2**62)),
    "large": lambda: npy("<f4", (2**31, 2)),
    "negative": lambda: npy("<f4", (-1, 10, 2, 468)),
    "pickled": object_array,
    "wide": lambda: npy("<U1000000000", (1,)),
    "complex": lambda: npy("<c8", SHAPE, bytes(8 * int(np.prod(SHAPE)))),
    "text": lambda: npy("<U1", SHAPE, bytes(4 * int(np.prod(SHAPE)))),
    "fields": lambda: npy(descr=[("a", "<f4"), ("b", "|O")], shape=(1,), content=pickle_bomb()),
    "deep": lambda: npy(shape="(" * 3000 + ")" * 3000),
    "short": lambda: npy("<f4", SHAPE, b"\0" * 8),
    "flat": lambda: npy("<f4", (3,), bytes(12)),
    "nothing": lambda: b"",
}


def archive(entries, compression=zipfile.ZIP_STORED):
    """A zip archive of (name, content) pairs, in which a name may be there twice."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", compression) as target, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of names that are there twice
        for name, content in entries:
            target.writestr(zipfile.ZipInfo(name), content, compress_type=compression)
    return buffer.getvalue()


def entries_of(data):
    with zipfile.ZipFile(io.BytesIO(data)) as source:
        return [(name, source.read(name)) for name in source.namelist()]


def bomb(rng):
    """Zeros that unfold to more than the memory allowed."""
    return b"\0" * (MEMORY // 64 * rng.randint(1, 4))


def harmful_model(data, rng):
    """A model file in which one thing is not as ``save`` writes it."""
    entries = dict(entries_of(data))
    arrays = [name for name in entries if name.endswith(".npy")]
    kind = rng.choice(
        ["bomb", "outside", "type", "deep", "array", "twice", "schema", "note", "loop", "encrypted"]
    )
    schema = json.loads(entries["schema.json"])
    if kind == "bomb":
        return archive([*entries.items(), ("bomb.npy", bomb(rng))], zipfile.ZIP_DEFLATED)
    if kind == "outside":
        return archive(
            [*entries.items(), (rng.choice(["../../escaped", "/tmp/escaped", "..\\escaped"]), b"x")]
        )
    if kind == "type":
        schema["__module__"], schema["__class__"] = rng.choice(
            [
                ("os", "system"),
                ("builtins", "eval"),
                ("subprocess", "Popen"),
                ("nowhere", "Thing"),
                ("sklearn.svm", ""),
            ]
        )
        schema["__loader__"] = rng.choice(
            [schema["__loader__"], "TypeNode", "ReduceNode", "MethodNode", "Unknown"]
        )
    if kind == "deep":
        depth = rng.choice([500, 5000, 200_000])
        entries["schema.json"] = b'{"content": ' * depth + b"1" + b"}" * depth
        return archive(entries.items())
    if kind == "loop":
        itself = {"__id__": schema.get("__id__"), "__loader__": "CachedNode"}
        schema["content"] = itself | {"__class__": "x", "__module__": "y"}
    if kind == "array" and arrays:
        entries[rng.choice(arrays)] = HARMFUL_ARRAYS[rng.choice(sorted(HARMFUL_ARRAYS))]()
        return archive(entries.items())
    if kind == "twice":
        return archive(
            [*entries.items(), ("schema.json", entries["schema.json"]), (rng.choice(arrays), b"x")]
        )
    if kind == "note":
        note = rng.choice(
            [b"[]", b"{", b'{"format": 1}', b'{"format": 1, "versions": 3}', b"9" * 5000, b"\xff"]
        )
        entries["sklearn_emoxai.json"] = note
        return archive(entries.items())
    if kind == "encrypted":
        content = bytearray(archive(entries.items()))
        content[6] |= 1
        return bytes(content)
    if kind == "schema":
        rng.choice(_nodes(schema))[rng.choice(["__loader__", "content", "__module__", "file"])] = rng.choice(
            [None, [], {}, 10**30, "x" * 100_000, "../../etc/passwd", {"__loader__": "NdArrayNode"}]
        )
    entries["schema.json"] = json.dumps(schema).encode()
    return archive(entries.items())


def _nodes(node):
    """All dicts in a schema."""
    found = [node] if isinstance(node, dict) else []
    for each in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        found += _nodes(each)
    return found


def harmful_landmarks(data, rng):
    """A landmark file with an entry that is not as ``save_landmarks`` writes it."""
    entries = dict(entries_of(data))
    kind = rng.choice(["array", "array", "array", "bomb", "outside", "twice", "missing", "names"])
    name = rng.choice(sorted(entries))
    if kind == "array":
        entries[name] = HARMFUL_ARRAYS[rng.choice(sorted(HARMFUL_ARRAYS))]()
    if kind == "bomb":
        n = rng.choice([2**29, 2**30]) // 4
        entries[name] = npy("<f4", (n // 1000, 10, 2, 50), b"\0" * (1 << 26))
        return archive(entries.items(), zipfile.ZIP_DEFLATED)
    if kind == "outside":
        return archive([*entries.items(), (rng.choice(["../../escaped.npy", "/tmp/escaped.npy"]), npy())])
    if kind == "twice":
        return archive([*entries.items(), (name, npy())])
    if kind == "missing":
        del entries[name]
    if kind == "names":
        entries[rng.choice(["a" * 60_000, "\0.npy", "data", ".npy", "copy.npy"])] = npy("<f4", (1,), bytes(4))
    return archive(entries.items())


def harm_folder(path, rng):
    """Change one file of a folder of landmarks."""
    kind = rng.choice(["array", "array", "bytes", "about", "log", "missing", "link"])
    file = rng.choice([each for each in sorted(path.iterdir()) if kind != "array" or each.suffix == ".npy"])
    if kind == "array":
        file.write_bytes(HARMFUL_ARRAYS[rng.choice(sorted(HARMFUL_ARRAYS))]())
    elif kind == "bytes":
        file.write_bytes(rng.choice(DAMAGE)(file.read_bytes(), rng))
    elif kind == "about":
        about = json.loads((path / "landmarks.json").read_text())
        about["shape"] = rng.choice(
            [None, [], "abcd", [2**62] * 4, [-1, 3, 2, 6], [4, 3, 2], [1e9, 3, 2, 6], {}]
        )
        text = rng.choice(
            [json.dumps(about), "[" * 100_000, "{}", "[]", json.dumps(about)[:30], "9" * 10_000]
        )
        (path / "landmarks.json").write_text(text)
    elif kind == "log":
        (path / "quality.csv").write_bytes(
            rng.choice([b"", b"\n" * 100_000, rng.randbytes(1000), b"x" * 10_000])
        )
    elif kind == "missing":
        file.unlink()
    else:
        file.unlink()
        file.symlink_to(rng.choice(["/dev/zero", "/dev/null", file.name, "/nowhere"]))


def make(kind, path, rng, sound):
    """Write a hostile or damaged file, or folder, at a path."""
    if kind == "folder":
        sound_folder(path)
        return harm_folder(path, rng)
    data = sound[kind]
    if rng.random() < 0.4:
        data = rng.choice(DAMAGE)(data, rng)
    else:
        data = (harmful_model if kind == "model" else harmful_landmarks)(data, rng)
    path.write_bytes(data)


class Reader:
    """A process that reads files within its limits; a new one where the last has died."""

    def __init__(self, folder):
        self._folder, self._process = folder, None

    def read(self, kind, path):
        """What became of a file, and the message."""
        if self._process is None:
            code = READER.format(memory=MEMORY, disk=DISK, seconds=SECONDS)
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                cwd=self._folder,
                env=os.environ | {"OMP_NUM_THREADS": "1"},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            self._process.stdout.readline()
        print(json.dumps([kind, str(path)]), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if answer:
            return json.loads(answer)
        status, self._process = self._process.wait(), None
        return ["died", f"the interpreter ended with status {status}"]

    def close(self):
        """End the process."""
        if self._process is not None:
            self._process.stdin.close()
            self._process.wait()
            self._process.stdout.close()


def fuzz(count, seed):
    """Counts of what became of so many files of each kind, and what is not right.

    Parameters
    ----------
    count : int
    seed : int

    Returns
    -------
    counts : dict of str to Counter
        By kind of file.
    wrong : list of (kind, number, outcome, message)
    """
    rng = random.Random(seed)
    counts, wrong = {kind: collections.Counter() for kind in KINDS}, []
    sound = {"model": sound_model(rng), "landmarks": sound_landmarks(rng)}
    with tempfile.TemporaryDirectory() as folder:
        outside = Path(folder) / "a" / "b"
        outside.mkdir(parents=True)
        reader = Reader(outside)
        try:
            for kind in KINDS:
                for number in range(count):
                    path = outside / f"hostile_{kind}_{number}"
                    make(kind, path, random.Random(f"{seed} {kind} {number}"), sound)
                    outcome, message = reader.read(kind, path)
                    counts[kind][outcome] += 1
                    if outcome not in ("read", "refused"):
                        wrong.append((kind, number, outcome, message))
                    if written := _others(Path(folder), outside):
                        counts[kind]["wrote elsewhere"] += 1
                        wrong.append((kind, number, "wrote elsewhere", written))
                    _remove(path)
        finally:
            reader.close()
    return counts, wrong


def _others(folder, inside):
    """Files that no reader should have made."""
    files = [str(each) for each in folder.rglob("*") if each.is_file()]
    return [each for each in files if not each.startswith(f"{inside}/hostile_")]


def _remove(path):
    if path.is_dir():
        for each in path.iterdir():
            each.unlink()
        path.rmdir()
    else:
        path.unlink()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=100, help="files of each kind")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    counts, wrong = fuzz(arguments.count, arguments.seed)
    for kind, each in counts.items():
        print(f"{kind}: {', '.join(f'{n} {outcome}' for outcome, n in sorted(each.items()))}")
    for kind, number, outcome, message in wrong:
        print(f"{kind} {number}: {outcome}: {message[:300]}")
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
