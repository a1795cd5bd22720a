"""Labels and arguments that the loaders and makers share."""

import difflib
import warnings
from collections import Counter
from collections.abc import Mapping

from ._action_units import PROTOTYPES

EMOTIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")

LABELS = (*EMOTIONS, "contempt", "neutral")
_SYNONYMS = {
    "anger": "angry an mad",
    "contempt": "contemptuous co",
    "disgust": "disgusted di",
    "fear": "fearful afraid scared fe",
    "happiness": "happy joy joyful smile ha",
    "neutral": "no-emotion none calm ne",
    "sadness": "sad sorrow unhappy sa",
    "surprise": "surprised astonished su",
}
CANONICAL = {word: label for label, words in _SYNONYMS.items() for word in [label, *words.split()]}


class Skipped:
    """What a loader could not use: raised at once, or counted and reported together.

    Parameters
    ----------
    on_error : {"raise", "skip"}
        What to do with an entry that is wrong.
    """

    def __init__(self, on_error):
        if on_error not in ("raise", "skip"):
            raise ValueError(f'on_error must be "raise" or "skip"; got {on_error!r}.')
        self.on_error = on_error
        self.rows = []
        self.faults, self.absent, self.passed_over, self.doubts = [], [], [], []

    def wrong(self, file, reason, error=ValueError, *, named=False):
        """Raise `error`, or note that `file` is left out; `named` reasons begin with the file themselves."""
        if self.on_error == "raise":
            raise error(reason if named else f"{file}: {reason}")
        self.faults.append((str(file), reason))
        self.rows.append(self.faults[-1])

    def left_out(self, file, reason):
        """Note a documented exception, whatever `on_error` is."""
        self.rows.append((str(file), reason))

    def pass_over(self, file, reason):
        """Note what lies where entries are looked for and is none, whatever `on_error` is; `warn` counts it."""
        self.passed_over.append((str(file), reason))
        self.rows.append(self.passed_over[-1])

    def miss(self, file, reason):
        """Note an entry that a complete data set has, whatever `on_error` is; `warn` counts it."""
        self.absent.append((str(file), reason))
        self.rows.append(self.absent[-1])

    def doubt(self, file, reason):
        """Leave out an entry whose content is missing; with ``on_error="raise"`` it stays, and `warn` counts it.

        Returns
        -------
        bool
            Whether it is left out.
        """
        if self.on_error == "skip":
            self.wrong(file, reason)
            return True
        self.doubts.append((str(file), reason))
        return False

    def frame(self):
        """All entries left out, a DataFrame with the columns file and reason."""
        import pandas as pd

        return pd.DataFrame(self.rows, columns=["file", "reason"])

    def warn(self, n_loaded):
        """Warn once, with counts, where something was skipped that the user may miss, or can't be read later."""
        kinds = (
            (self.faults, "with a fault left out"),
            (self.passed_over, "that can't be used left out"),
            (self.absent, "missing"),
        )
        told = [f"{len(entries)} entries {kind}" for entries, kind in kinds if entries]
        message = []
        if told:
            message.append(
                f"{', '.join(told)}, {n_loaded} loaded; the first: "
                f"{first_of(self.faults + self.passed_over + self.absent)} All are listed in the Bunch's `skipped`."
            )
        if self.doubts:
            message.append(
                f"{len(self.doubts)} of {n_loaded} files that were found can't be read; the first: "
                f"{first_of(self.doubts)}"
            )
        if message:
            warnings.warn(" ".join(message), UserWarning, stacklevel=3)


def first_of(entries):
    """The first of (file, reason) entries, as a sentence."""
    file, reason = entries[0]
    return reason if reason.startswith(file) else f"{file}: {reason}"


class LabelReader:
    """Maps what people write for an emotion onto the names used here, and keeps count.

    Parameters
    ----------
    labels : dict or None
        Further spellings, mapped onto the names used here.
    keep : sequence of str
        Emotions to load; others that are known are left out.
    """

    def __init__(self, labels, keep):
        if labels is not None and not isinstance(labels, Mapping):
            raise TypeError(f"labels must be a dict from spelling to emotion; got {labels!r}.")
        self.known = CANONICAL | {str(word).strip().lower(): name for word, name in (labels or {}).items()}
        wrong = sorted({str(name) for name in [*self.known.values(), *keep]} - set(LABELS))
        if wrong:
            raise ValueError(f"labels and emotions must name some of {list(LABELS)}; got {wrong}.")
        self.keep = tuple(keep)
        self.counts = Counter()

    def read(self, word):
        """Name of the emotion, or None where the word is unknown."""
        name = self.known.get(word.strip().lower())
        if name is not None:
            self.counts[word, name] += 1
        return name

    def unknown(self, word):
        """What to say of a word that is not known."""
        near = difflib.get_close_matches(word.strip().lower(), self.known, n=1, cutoff=0.75)
        guess = f"did you mean {near[0]!r}? Known" if near else "known"
        return (
            f"unknown emotion {word!r}; {guess} are {', '.join(LABELS)}, and in Python others with "
            f"labels={{{word!r}: ...}}."
        )

    def mapping(self):
        """What was read as what, a dict."""
        return dict(sorted(self.counts))

    def report(self):
        """One line of text for each spelling that was mapped onto another name."""
        return "\n".join(
            f"{n} × {word!r} read as {name!r}" for (word, name), n in self.counts.items() if word != name
        )


def check_folder(root):
    """Raise unless `root` is a folder with something in it."""
    if not root.exists():
        raise FileNotFoundError(f"root must be an existing folder; there is no {root}.")
    if not root.is_dir():
        raise NotADirectoryError(f"root must be a folder; {root} is a file.")
    if not any(root.iterdir()):
        raise FileNotFoundError(f"root must hold a data set; {root} is empty.")


def check_emotions(emotions):
    """List of the emotions that are asked for; a ValueError names those that cannot be made."""
    if isinstance(emotions, str):
        raise TypeError(f'emotions must be a sequence such as ["anger"]; got the string {emotions!r}.')
    emotions = list(emotions)
    unknown = [emotion for emotion in emotions if emotion not in PROTOTYPES]
    if unknown or not emotions or len(set(emotions)) < len(emotions):
        raise ValueError(f"emotions must be distinct and out of {sorted(PROTOTYPES)}; got {emotions}.")
    return emotions
