"""What ``emoxai demo`` does: the whole way from videos to compared, explained and reduced detectors."""

import warnings
from pathlib import Path

import numpy as np

from ..attribution import BaselineWarning
from ..datasets import load_video_folder, make_expression_videos
from ..evaluation import add_to_meta, check_run_folder, compare, keep_detector, paper_models, summarize
from ..extraction import LandmarkExtractor, open_source, read_sampled, resolve_detector
from ..facemesh import N_LANDMARKS
from ..plotting import LandmarkImportanceDisplay, write_report
from ..storage import save_landmarks

N_FRAMES = 10
# Smaller and faster to train than the paper's network (F = 40, lr = 1e-4): a demonstration, not a study.
NETWORK = {"n_filters": 8, "lr": 1e-3, "class_weight": "balanced", "validation_fraction": None}


def run_demo(
    output,
    *,
    data=None,
    n_landmarks=32,
    n_splits=3,
    max_epochs=30,
    n_jobs=-1,
    random_state=0,
    verbose=1,
    force=False,
):
    """Extract landmarks, compare the paper's models, keep a detector, and write a report.

    Parameters
    ----------
    output : path-like
        Folder for ``landmarks.npz``, ``landmarks.png``, ``report.html`` and the files of a run: ``results.csv``,
        ``run.json``, ``model.skops`` and ``explanations.npz``; made where it does not exist.
    data : path-like, default=None
        Folder of labelled videos, as :func:`load_video_folder` takes it. None makes videos in ``output/videos``.
    n_landmarks : int, default=32
        Landmarks to select.
    n_splits : int, default=3
        Parts of the subjects.
    max_epochs : int, default=30
        Epochs of each network.
    n_jobs : int, default=-1
        Processes, as in joblib.
    random_state : int, default=0
    verbose : int, default=1
        1 shows progress bars.
    force : bool, default=False
        Whether to replace a finished run in ``output``.

    Returns
    -------
    pandas.DataFrame
        As :func:`compare` returns it.

    Raises
    ------
    FileExistsError
        If ``output`` holds a finished run, unless ``force``.
    ValueError
        If the videos' subjects are unknown, a video has no face, or an emotion has too few subjects.
    """
    output = Path(output)
    check_run_folder(output, force=force)
    resolve_detector()  # fetches the model file where one is needed: nobody waits for the videos first
    output.mkdir(parents=True, exist_ok=True)
    clips = _clips(output, data, random_state, verbose)
    extractor = LandmarkExtractor(N_FRAMES, cache_dir=output / "cache", n_jobs=n_jobs, verbose=verbose)
    X = extractor.fit_transform(clips.paths)
    save_landmarks(output / "landmarks.npz", X, target=clips.target, groups=clips.groups, paths=clips.paths)

    network = {"strategy": "top", "network_grid": None, "max_epochs": max_epochs, **NETWORK}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", BaselineWarning)  # of training parts; that of the detector is shown
        results = compare(
            paper_models(**network),
            X,
            clips.target,
            groups=clips.groups,
            n_landmarks=[N_LANDMARKS, n_landmarks],
            n_splits=n_splits,
            n_runs=1,
            folder=output,
            description=f"{len(clips.paths)} videos {'of ' + str(data) if data else 'made from one portrait'}",
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
    add_to_meta(
        output,
        strategy=network["strategy"],
        preprocessing=["LandmarkAligner", "NeutralDifference"],
        saved={"model": "T-EMO", "n_landmarks": n_landmarks},
        synthetic=data is None,
    )
    _print(results, clips, n_splits, synthetic=data is None)

    kept = paper_models(n_landmarks_to_select=n_landmarks, random_state=random_state, **network)["T-EMO"]
    detector = keep_detector(output, kept, X, clips.target, groups=clips.groups, n_jobs=n_jobs)
    _draw(detector, X, clips).savefig(output / "landmarks.png", dpi=150)
    report = write_report(output, output / "report.html", force=True)
    print(
        f"\n{output}/ holds landmarks.npz, results.csv, landmarks.png and the detector model.skops.\n"
        f"The report: {report.absolute().as_uri()}"
    )
    return results


def _clips(output, data, random_state, verbose):
    """The videos, whose subjects must be known."""
    if data is None:
        return make_expression_videos(output / "videos", random_state=random_state, verbose=verbose)
    clips = load_video_folder(data)
    if clips.groups is None:
        raise ValueError(
            f"data must tell each video's subject, in the column subject of its CSV; {data} does not."
        )
    return clips


def _print(results, clips, n_splits, *, synthetic):
    """The table on the terminal."""
    print(
        f"\nROC AUC on subjects that were not trained on, mean ± standard deviation over {n_splits} splits.\n"
        f'{len(clips.paths)} videos of {len(np.unique(clips.groups))} subjects; always answering "rest" gives 0.500.\n'
    )
    print(summarize(results).reset_index().to_string(index=False))
    if synthetic:
        print(
            "\nThe videos are synthetic, one portrait warped: these scores say nothing about people. "
            "--data takes videos of yours."
        )


def _draw(detector, X, clips):
    """Every emotion's selected landmarks, on the last frame of a video that shows it."""
    selectors = {label: fitted for label, fitted in detector.estimators_.items() if label != "neutral"}
    shown = {label: int(np.flatnonzero(clips.target == label)[0]) for label in selectors}
    displays = LandmarkImportanceDisplay.from_emotions(
        selectors,
        landmarks={label: X[i, -1] for label, i in shown.items()},
        images={label: _last_frame(clips.paths[i]) for label, i in shown.items()},
        figsize=(2.8 * min(3, len(shown)), 2.9 * -(-len(shown) // 3) + 0.5),
    )
    return next(iter(displays.values())).figure_


def _last_frame(path):
    """Last of the frames that the extractor took, in gray."""
    sampled = read_sampled(open_source(path), N_FRAMES)
    return sampled.frames[int(sampled.indices[-1])].mean(axis=2)
