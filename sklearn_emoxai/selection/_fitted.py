"""What is inside a fitted detector: its network, the landmarks that reach it, and their importances."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import is_classifier

from ..preprocessing import LandmarkMotion, NeutralDifference


@dataclass(frozen=True, eq=False)
class Parts:
    """A fitted binary classifier, taken apart.

    Attributes
    ----------
    steps : list of estimators
        The transformers before the classifier, those of Pipelines inside Pipelines among them.
    classifier : estimator
        The last step.
    landmarks : ndarray of shape (n_selected,), int
        Landmarks that reach the classifier, in its order.
    columns : ndarray of shape (n_columns,), int
        Landmark of each column that the classifier takes for one: behind a :class:`LandmarkMotion` its place and its
        motion are several.
    importances : ndarray of shape (n_landmarks,) or None
        What the selector found, of all landmarks.
    profile : ndarray of shape (n_frames, n_landmarks) or None
        The same by frame.
    first_frame : int
        Number in the clip, from 1, of the first frame of the profile, or without one of
        what reaches the classifier.
    """

    steps: list
    classifier: object
    landmarks: np.ndarray
    columns: np.ndarray
    importances: np.ndarray | None
    profile: np.ndarray | None
    first_frame: int

    def prepare(self, X):
        """The classifier's own input, made of sequences of all landmarks."""
        for step in self.steps:
            X = step.transform(X)
        return X

    def by_landmark(self, values):
        """Sums over the columns of each landmark, (..., n_selected), of values of the columns, (..., n_columns)."""
        return np.stack([values[..., self.columns == each].sum(axis=-1) for each in self.landmarks], axis=-1)


def fitted_parts(fitted):
    """A fitted model and the fitted estimators in it, from the outside to the inside."""
    yield fitted
    for part in _inner(fitted):
        yield from fitted_parts(part)


def _inner(fitted):
    """Fitted estimators that one is made of."""
    inner = [step for _, step in getattr(fitted, "steps", [])]
    inner += [getattr(fitted, name, None) for name in ("best_estimator_", "estimator_")]
    return [part for part in inner if hasattr(part, "get_params")]


def find_selector(fitted, *, with_importances=False):
    """The first landmark selector in a fitted model; None where there is none.

    Parameters
    ----------
    fitted : estimator
    with_importances : bool, default=False
        Whether only one counts that tells the importance of each landmark.
    """
    wanted = ["ranking_", "get_support", *(["importances_"] if with_importances else [])]
    return next((part for part in fitted_parts(fitted) if all(hasattr(part, name) for name in wanted)), None)


def explained_label(fitted):
    """Name of the class whose decisions the importances in a fitted model explain; None where they or it have none.

    True, of "this emotion or not", is no name.
    """
    for part in fitted_parts(fitted):
        if hasattr(part, "importances_") and hasattr(part, "classes_") and hasattr(part, "positive"):
            label = part.classes_.tolist()[1]
            return label if isinstance(label, str) else None
    return None


def selected_landmarks(fitted):
    """Landmarks that a fitted model's selectors leave, in the last one's order of choice; None where it has none.

    Selectors may follow one another, as one that chooses among the landmarks of a region.
    """
    left = None
    for selector in _selectors(fitted):
        chosen = selector.ranking_[: int(selector.get_support().sum())]
        if left is None:
            left = chosen
        elif len(selector.get_support()) == len(left):  # else one of flattened features, not of landmarks
            left = np.sort(left)[chosen]
    return left


def _selectors(fitted):
    """Selectors in a fitted model in the order that sequences pass them, without those inside of selectors."""
    if find_selector(fitted) is fitted:
        yield fitted
        return
    for part in _inner(fitted):
        yield from _selectors(part)


def unwrapped(estimator):
    """The Pipeline or classifier inside searches and wrappers such as MirrorAugmented."""
    while is_classifier(estimator) and not hasattr(estimator, "module_"):
        if hasattr(estimator, "estimators_"):  # an ensemble; the estimator_ of scikit-learn's is not fitted
            break
        inner = getattr(estimator, "best_estimator_", getattr(estimator, "estimator_", None))
        if inner is None:
            break
        estimator = inner
    return estimator


def flat_steps(estimator):
    """Fitted steps of an estimator, those of Pipelines and searches inside Pipelines among them."""
    estimator = unwrapped(estimator)
    if not hasattr(estimator, "steps"):
        yield estimator
        return
    for _, step in estimator.steps:
        if hasattr(step, "fit"):  # not "passthrough"
            yield from flat_steps(step)


def n_frames_in(fitted):
    """Frames per sequence that a fitted estimator takes; None if neither it nor anything fitted in it tells."""
    return _told(fitted, "n_frames_in_")


def n_landmarks_in(fitted):
    """Landmarks per frame that a fitted estimator takes; None if neither it nor anything fitted in it tells."""
    return _told(fitted, "n_features_in_")


def _told(fitted, name):
    """An attribute of a fitted estimator, or else of the first one in it, in the order that sequences pass them."""
    if hasattr(fitted, name):
        return getattr(fitted, name)
    inner = [step for _, step in getattr(fitted, "steps", [])]
    inner += [getattr(fitted, each, None) for each in ("best_estimator_", "estimator_")]
    ensemble = getattr(fitted, "estimators_", [])
    inner += list(ensemble.values() if hasattr(ensemble, "values") else ensemble)[:1]
    inner += [each.estimator for each in getattr(fitted, "calibrated_classifiers_", [])[:1]]
    told = (_told(part, name) for part in inner if hasattr(part, "get_params"))
    return next((each for each in told if each is not None), None)


def take_apart(estimator, n_landmarks):
    """Parts of a fitted binary classifier, Pipeline or selector of `n_landmarks` landmarks."""
    steps = list(flat_steps(estimator))
    columns, importances, profile = np.arange(n_landmarks), None, None
    frame = first_frame = getattr(steps[0], "first_frame_", 1)
    for step in steps:
        if isinstance(step, NeutralDifference):
            frame += not step.keep_first
        if isinstance(step, LandmarkMotion):
            columns = np.tile(columns, step.order + step.append)
        if profile is None or hasattr(step, "profile_"):
            first_frame = frame
        if not hasattr(step, "get_support"):
            continue
        kept = step.get_support()
        if len(kept) != len(columns):  # a selector of flattened features, not of landmarks
            break
        if hasattr(step, "importances_"):
            importances = np.zeros(n_landmarks)
            np.add.at(importances, columns, step.importances_)
        if hasattr(step, "profile_"):
            profile = np.zeros((len(step.profile_), n_landmarks))
            np.add.at(profile, (slice(None), columns), step.profile_)
        columns = columns[kept]
    landmarks = np.array(list(dict.fromkeys(columns.tolist())), dtype=int)
    return Parts(steps[:-1], steps[-1], landmarks, columns, importances, profile, first_frame)
