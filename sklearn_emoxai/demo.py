"""What ``emoxai demo`` does: the whole way from videos to compared, explained and reduced detectors."""

import tempfile
from pathlib import Path

import numpy as np
from sklearn.utils.parallel import Parallel, delayed
from tqdm.auto import tqdm

from .datasets import load_video_folder, make_expression_videos
from .emotion import fit_to_emotion
from .evaluation import compare, paper_models, summarize
from .extraction import LandmarkExtractor, save_landmarks
from .plotting import LandmarkImportanceDisplay
from .video import open_source, read_sampled

N_FRAMES = 10
# Smaller and faster to train than the paper's network (F = 40, lr = 1e-4): a demonstration, not a study.
NETWORK = {"n_filters": 8, "lr": 1e-3, "class_weight": "balanced", "validation_fraction": None}


def run_demo(
    output, *, data=None, n_landmarks=32, n_splits=3, max_epochs=30, n_jobs=-1, random_state=0, verbose=1
):
    """Extract landmarks, compare the paper's models, and draw the landmarks that each emotion's network relies on.

    Parameters
    ----------
    output : path-like
        Folder for ``landmarks.npz``, ``results.csv`` and ``landmarks.png``; made where it does not exist.
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

    Returns
    -------
    pandas.DataFrame
        As :func:`compare` returns it.

    Raises
    ------
    ValueError
        If the videos' subjects are unknown, a video has no face, or an emotion has too few subjects.
    """
    output = Path(output)
    output.mkdir(parents=True, exist_ok=True)
    if data is None:
        clips = make_expression_videos(output / "videos", random_state=random_state, verbose=verbose)
    else:
        clips = load_video_folder(data)
    if clips.groups is None:
        raise ValueError(
            f"data must tell each video's subject, in the column subject of its CSV; {data} does not."
        )

    extractor = LandmarkExtractor(N_FRAMES, cache_dir=output / "cache", n_jobs=n_jobs, verbose=verbose)
    X = extractor.fit_transform(clips.paths)
    save_landmarks(output / "landmarks.npz", X, target=clips.target, groups=clips.groups, paths=clips.paths)

    with tempfile.TemporaryDirectory() as rankings:
        models = paper_models(
            n_landmarks_to_select=n_landmarks,
            memory=rankings,
            random_state=random_state,
            max_epochs=max_epochs,
            **NETWORK,
        )
        results = compare(
            models,
            X,
            clips.target,
            groups=clips.groups,
            n_splits=n_splits,
            n_jobs=n_jobs,
            random_state=random_state,
            verbose=verbose,
        )
    results.to_csv(output / "results.csv", index=False)
    _print(results, clips, n_splits)

    explain = models["T-EMO, selected"][:-1].set_params(select__memory=None)
    emotions = results["emotion"].unique()
    fits = Parallel(n_jobs=n_jobs, return_as="generator")(
        delayed(fit_to_emotion)(explain, X, clips.target, emotion, groups=clips.groups)
        for emotion in emotions
    )
    bar = tqdm(fits, total=len(emotions), desc="explaining", unit="emotion", disable=not verbose)
    figure = _draw({emotion: pipeline[-1] for emotion, pipeline in zip(emotions, bar)}, X, clips)
    figure.savefig(output / "landmarks.png", dpi=150)
    print(f"\nlandmarks.npz, results.csv and landmarks.png are in {output}/")
    return results


def _print(results, clips, n_splits):
    """The table on the terminal."""
    print(
        f"\nBalanced accuracy on subjects that were not trained on, mean ± standard deviation over {n_splits} splits.\n"
        f'{len(clips.paths)} videos of {len(np.unique(clips.groups))} subjects; always answering "rest" gives 0.500.\n'
    )
    print(summarize(results).reset_index().to_string(index=False))


def _draw(selectors, X, clips):
    """Every emotion's selected landmarks, on the last frame of a video that shows it."""
    import matplotlib.pyplot as plt

    n_columns = min(3, len(selectors))
    n_rows = -(-len(selectors) // n_columns)
    figure, axes = plt.subplots(
        n_rows, n_columns, figsize=(2.8 * n_columns, 2.9 * n_rows), squeeze=False, layout="constrained"
    )
    for ax in axes.flat:
        ax.set_axis_off()
    for ax, (emotion, selector) in zip(axes.flat, selectors.items()):
        shown = int(np.flatnonzero(clips.target == emotion)[0])
        display = LandmarkImportanceDisplay.from_estimator(
            selector, landmarks=X[shown, -1], image=_last_frame(clips.paths[shown]), title=emotion, ax=ax
        )
    bar = figure.colorbar(display.points_, ax=axes, shrink=0.6, pad=0.02)
    bar.set_label("importance, relative to the emotion's largest")
    return figure


def _last_frame(path):
    """Last of the frames that the extractor took, in gray."""
    sampled = read_sampled(open_source(path), N_FRAMES)
    return sampled.frames[int(sampled.indices[-1])].mean(axis=2)
