"""A fitted detector as a recipe: the few operations that lead from landmarks to probabilities, without scikit-learn."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV

from ..preprocessing import LandmarkAligner, LandmarkMotion, NeutralDifference
from ..selection import LandmarkSelector, flat_steps


@dataclass(frozen=True, eq=False)
class Align:
    """As :class:`LandmarkAligner`."""

    transformer: LandmarkAligner

    @property
    def right(self):
        """Landmarks of the subject's right eye."""
        return self.transformer.eyes_[0]

    @property
    def left(self):
        """Landmarks of the subject's left eye."""
        return self.transformer.eyes_[1]

    @property
    def reference(self):
        """Whose eyes: each frame's own, or the first frame's."""
        return self.transformer.reference

    def __str__(self):
        return f"align each frame by its eyes, to inter-ocular distances (reference: {self.reference})"


@dataclass(frozen=True, eq=False)
class Difference:
    """As :class:`NeutralDifference`."""

    transformer: NeutralDifference

    @property
    def keep_first(self):
        """Whether the first frame stays, as zeros."""
        return self.transformer.keep_first

    def __str__(self):
        return f"subtract the first frame, which is neutral ({'kept' if self.keep_first else 'left out'})"


@dataclass(frozen=True, eq=False)
class Select:
    """Landmarks that are kept, in this order."""

    landmarks: np.ndarray

    def __str__(self):
        return f"keep {len(self.landmarks)} landmarks"


@dataclass(frozen=True, eq=False)
class Motion:
    """As :class:`LandmarkMotion`."""

    transformer: LandmarkMotion

    def matrices(self, n_frames):
        """What is put side by side along the landmarks, as products with the frames.

        Parameters
        ----------
        n_frames : int

        Returns
        -------
        list of ndarray of shape (n_frames, n_frames)
            The identity, velocities and accelerations, or some of these.
        """
        # Of one landmark that is 1 in one frame, and 0 in the others.
        frames = np.repeat(np.eye(n_frames)[:, :, None, None], 2, axis=2)
        found = clone(self.transformer).fit_transform(frames)
        return [found[:, :, 0, part].T for part in range(self.n_parts)]

    @property
    def n_parts(self):
        """How many landmarks there are for each."""
        return self.transformer.order + self.transformer.append

    def __str__(self):
        names = ("landmarks", "velocities", "accelerations")[not self.transformer.append :]
        return f"put side by side: {', '.join(names[: self.n_parts])}"


@dataclass(frozen=True, eq=False)
class Branch:
    """What leads to one classifier's probabilities.

    Attributes
    ----------
    label : str or None
        The emotion that it tells from the rest; None for a classifier of all labels.
    steps : tuple of Align, Difference, Select and Motion
    module : ConvLSTM
    sigmoid : tuple of two floats or None
        a and b of the calibrated probability 1 / (1 + exp(a f + b)) of the decision value f.
    """

    label: str | None
    steps: tuple
    module: object
    sigmoid: tuple | None


def recipe_of(detector):
    """The branches of a detector.

    Parameters
    ----------
    detector : Detector

    Returns
    -------
    list of Branch

    Raises
    ------
    ValueError
        If a step of it is none of those above; the message names it.
    """
    estimator = detector.estimator
    if detector.by_emotion is None:
        return [_branch(estimator, None, None)]
    calibrated = estimator.calibrated_ or {}
    calibrated = {str(label): each for label, each in calibrated.items()}
    return [_branch(binary, label, calibrated.get(label)) for label, binary in detector.by_emotion.items()]


def _branch(classifier, label, calibrated):
    where = "" if label is None else f" of the detector of {label}"
    *steps, last = flat_steps(classifier)
    if not hasattr(last, "module_"):
        raise ValueError(
            f"export_onnx knows classifiers that are a ConvLSTMClassifier; the last step{where} is a "
            f"{type(last).__name__}."
        )
    steps = tuple(_operation(step, where) for step in steps)
    return Branch(label, steps, last.module_, None if calibrated is None else _sigmoid(calibrated, where))


def _operation(step, where):
    if type(step) is LandmarkAligner:
        return Align(step)
    if type(step) is NeutralDifference:
        return Difference(step)
    if type(step) is LandmarkMotion:
        return Motion(step)
    if isinstance(step, LandmarkSelector):
        return Select(step.get_support(indices=True))
    raise ValueError(
        f"export_onnx knows LandmarkAligner, NeutralDifference, LandmarkMotion, landmark selectors and networks; the "
        f"step {type(step).__name__}{where} is none of them."
    )


def _sigmoid(calibrated, where):
    (each,) = (
        calibrated.calibrated_classifiers_ if isinstance(calibrated, CalibratedClassifierCV) else (None,)
    )
    calibrator = None if each is None else each.calibrators[0]
    if not hasattr(calibrator, "a_"):
        raise ValueError(f'export_onnx knows calibration="sigmoid"; that{where} is another.')
    return float(calibrator.a_), float(calibrator.b_)
