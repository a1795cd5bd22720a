"""The report of a run: one HTML file that opens from disk, without a network."""

import json
from importlib import resources

import numpy as np

from .. import facemesh
from ..evaluation import read_run
from ..storage import write_atomically
from ._output import check_output
from ._stability import SelectionStabilityDisplay
from ._style import REGION_ORDER, region_of
from ._tables import accuracy_curves

_METRICS = ("roc_auc", "balanced_accuracy", "accuracy", "f1", "mcc")
# Of the models that paper_models names.
_MODELS = {
    "T-EMO": "the paper's network, an LSTM over frames with a convolution over landmarks (ConvLSTM), fully trained",
    "R-EMO": "the same network, but its convolution stays as it was drawn at random, so that it trains faster",
    "linear SVM": "a support vector machine with a flat border, on the same landmarks",
    "RBF SVM": "a support vector machine with a curved border, on the same landmarks",
    "majority class": "gives every sample the more frequent answer: what knowing nothing is worth",
}
_STRATEGIES = {
    "top": "the landmarks of largest importance",
    "forward": "one after the other, by what each adds to those before, weighted by importance",
    "qr": "one after the other, by what those before do not tell of it, weighted by importance",
}


def write_report(run_folder, output, *, judged=None, judged_on="", force=False):
    """Write one self-contained HTML file that shows a run.

    For each emotion the face with the landmarks that matter, as many as a slider says, a table of them, and when each
    region matters; scores against the number of landmarks and as a table; the stability of the selections; data,
    protocol and versions; and what all of it cannot tell. Where ``run.json`` says ``"synthetic": true``, the top
    of the page says so.

    Parameters
    ----------
    run_folder : path-like
        Written by :func:`compare` with ``folder=``. Faces are shown where it holds ``explanations.npz``, which
        ``emoxai compare`` adds.
    output : path-like
        File to write, with the suffix ``.html``.
    judged : dict of str to DataFrame, default=None
        Emotion → what :func:`judge_explanations` says of explanations of its network; shown as tables.
    judged_on : str, default=""
        A sentence above these tables, on what was judged.
    force : bool, default=False
        Whether to replace an existing file.

    Returns
    -------
    Path
        The written file, about 5 MB: it holds the plotting library plotly.js, and loads nothing.

    Raises
    ------
    FileNotFoundError
        If the run folder does not exist or holds no results.
    FileExistsError, OSError
        If `output` exists or cannot be written.
    ValueError
        If a file of the run is damaged.

    Examples
    --------
    >>> from sklearn_emoxai import write_report
    >>> write_report("emoxai-demo", "report.html")  # doctest: +SKIP
    PosixPath('report.html')
    """
    from plotly.offline import get_plotlyjs

    output = check_output(output, ".html", force=force)
    data = report_data(read_run(run_folder), judged, judged_on)
    files = resources.files(__package__) / "report"
    page, style, script = (
        (files / f"report.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js")
    )
    # In a script element only "<" could end it; JSON may write it as an escape.
    text = json.dumps(data, ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    parts = {"style": style, "data": text, "plotly": get_plotlyjs(), "script": script}
    for name, part in parts.items():
        before, after = page.split("{{" + name + "}}", 1)
        parts[name], page = before + part, after
    write_atomically(output, ("".join(parts.values()) + page).encode())
    return output


def report_data(run, judged=None, judged_on=""):
    """What the report's script draws, as JSON takes it.

    Parameters
    ----------
    run : Run
    judged : dict of str to DataFrame, default=None
    judged_on : str, default=""

    Returns
    -------
    dict
    """
    results, meta = run.results, run.meta
    emotions = list(dict.fromkeys(results["emotion"]))
    metrics = [name for name in _METRICS if name in results and not results[name].isna().all()]
    if not metrics:
        raise ValueError(f"The results in {run.folder} must hold one of the scores {', '.join(_METRICS)}.")
    n_landmarks = int(_of(meta, "data", "n_landmarks") or results["n_landmarks"].max())
    template = run.template if run.template is None else np.asarray(run.template, float)
    mesh = template is not None and template.shape[1] == facemesh.N_LANDMARKS
    models = results["model"].unique().tolist()
    return {
        "description": ", ".join(
            filter(
                None, [str(_of(meta, "data", "description") or ""), f"run folder {run.folder.resolve().name}"]
            )
        ),
        "synthetic": bool(_of(meta, "synthetic") or _of(meta, "data", "synthetic")),
        "facts": _facts(meta, emotions, n_landmarks),
        "emotions": emotions,
        "metrics": metrics,
        "repeats": _repeats(results),
        "scores": {metric: _scores(results, metric, emotions) for metric in metrics},
        "terms": [[name, text] for name, text in _MODELS.items() if name in models],
        "faces": {
            name: _face(each, mesh, _of(meta, "data", "n_frames")) for name, each in run.explanations.items()
        },
        "template": None if template is None else _rounded(template),
        "regions": region_of(n_landmarks).tolist(),
        "edges": facemesh.EDGES.tolist() if mesh else [],
        "outlines": [[*c.tolist(), int(c[0])] for c in facemesh.CONTOURS.values()] if mesh else [],
        "stability": _stability(results, n_landmarks),
        "judged": [_judged(emotion, table) for emotion, table in (judged or {}).items()],
        "judged_on": judged_on,
        "data": _data(run),
        "versions": [[name, str(version)] for name, version in (_of(meta, "versions") or {}).items()],
        "made": f"Made by sklearn-emoxai from a run of {(_minute(meta, 'finished') or _minute(meta, 'started'))[:10]}. "
        "This file loads nothing from a network.",
    }


def _of(meta, *keys):
    """The entry under nested keys, or None."""
    for key in keys:
        meta = meta.get(key) if isinstance(meta, dict) else None
    return meta


def _facts(meta, emotions, n_landmarks):
    data = _of(meta, "data") or {}
    facts = [
        (data.get("n_samples"), "sample", "samples"),
        (data.get("n_subjects"), "subject", "subjects"),
        (len(emotions), "emotion", "emotions"),
        (data.get("n_frames"), "frame each", "frames each"),
        (n_landmarks, "landmark", "landmarks"),
        (_of(meta, "n_runs"), "run", "runs"),
    ]
    return [[int(n), one if n == 1 else many] for n, one, many in facts if n is not None]


def _repeats(results):
    """What means and standard deviations are over, in words."""
    n_runs = results["run"].nunique()
    n_splits = results["split"].nunique() if "split" in results else 1
    runs = f"{n_runs} run{'s' * (n_runs > 1)}"
    return runs if n_splits < 2 else f"{n_splits} splits" + (f" of each of {runs}" if n_runs > 1 else "")


def _scores(results, metric, emotions):
    """A row for each model and number of landmarks: mean and standard deviation of every emotion and overall."""
    rows = {}
    for emotion in [None, *emotions]:
        for row in accuracy_curves(results, metric, emotion).itertuples():
            entry = rows.setdefault(
                (row.model, row.n_landmarks),
                {"model": row.model, "n_landmarks": int(row.n_landmarks), "overall": None, "emotions": {}},
            )
            values = _rounded([row.mean, row.std])
            if emotion is None:
                entry["overall"] = values
            else:
                entry["emotions"][emotion] = values
    return list(rows.values())


def _face(explanation, mesh, n_frames):
    """What is drawn of one emotion."""
    profile = explanation.profile
    frames = None if profile is None else _frames(len(profile), n_frames)
    return {
        "importances": _rounded(explanation.importances),
        "ranking": np.asarray(explanation.ranking).tolist(),
        "n_selected": int(np.sum(explanation.support)),
        "frames": frames,
        "peaks": None if profile is None else (frames["first"] + np.argmax(profile, axis=0)).tolist(),
        "timeline": _timeline(profile) if mesh and profile is not None else None,
    }


def _frames(n_seen, n_frames):
    """Numbers of the frames that the network sees, from 1: NeutralDifference takes out the first of the clip."""
    if n_frames is None or int(n_frames) - n_seen not in (0, 1):  # others are not known to be the last
        n_frames = n_seen
    return {"first": int(n_frames) - n_seen + 1, "of": int(n_frames)}


def _timeline(profile):
    """Importance by region and frame: of a region's mean landmark, and its share of the whole."""
    profile = np.asarray(profile, dtype=float)
    regions = [profile[:, facemesh.REGIONS[name]] for name in REGION_ORDER]
    return {
        "regions": [name.replace("_", " ") for name in REGION_ORDER],
        "mean": _rounded([region.mean(axis=1) for region in regions]),
        "share": _rounded([region.sum(axis=1) / (profile.sum() or 1) for region in regions]),
        "last": _rounded(profile[-1].sum() / (profile.sum() or 1)),
    }


def _stability(results, n_landmarks):
    if "selected" not in results:
        return []
    rows = SelectionStabilityDisplay.table_of(results, n_landmarks=n_landmarks)
    numbers = ["stability", "low", "high"]
    return [
        {
            "label": row["label"],
            "emotion": row["emotion"],
            "n_landmarks": int(row["n_landmarks"]),
            **dict(zip(numbers, _rounded([row[name] for name in numbers]))),
        }
        for row in rows.to_dict("records")
    ]


def _judged(emotion, table):
    """A scorecard: a row for each measure, with a sentence."""
    missing = {"better", "meaning"} - set(table.columns)
    if missing:
        raise ValueError(
            f"judged must hold tables of judge_explanations; that of {emotion!r} lacks {sorted(missing)}."
        )
    names = [name for name in table.columns if name not in ("better", "meaning")]
    return {
        "emotion": str(emotion),
        "explanations": [str(name).replace("_", " ") for name in names],
        "rows": [
            {
                "measure": str(measure).replace("_", " "),
                "better": row["better"],
                "meaning": row["meaning"],
                "values": _rounded([row[name] for name in names]),
            }
            for measure, row in table.iterrows()
        ],
    }


def _data(run):
    """Terms and descriptions of the data and the protocol."""
    meta, results = run.meta, run.results
    labels = _of(meta, "data", "labels") or {}
    models = _of(meta, "models") or results["model"].unique().tolist()
    protocol = ": ".join(
        str(text) for text in (_of(meta, "protocol"), _of(meta, "protocol_description")) if text
    )
    strategy, preprocessing, saved = (_of(meta, key) for key in ("strategy", "preprocessing", "saved"))
    if strategy in _STRATEGIES:
        strategy = f"{strategy}: {_STRATEGIES[strategy]}"
    if isinstance(preprocessing, list):
        preprocessing = ", ".join(map(str, preprocessing)) or "none"
    if isinstance(saved, dict):
        saved = f"{_of(saved, 'model')} with {_of(saved, 'n_landmarks')} landmarks, trained on all samples"
    entries = [
        ("data", _of(meta, "data", "description")),
        ("run folder", run.folder.resolve().name),
        ("samples", ", ".join(f"{label} {count}" for label, count in labels.items())),
        ("protocol", protocol),
        ("repetitions", _repeats(results)),
        ("models", ", ".join(map(str, models))),
        ("preprocessing", preprocessing),
        ("selection", strategy),
        ("detector shown", saved),
        ("seed", _of(meta, "random_state")),
        ("started", _minute(meta, "started")),
        ("finished", _minute(meta, "finished")),
        ("machine", _of(meta, "machine")),
        ("training", _seconds(results)),
    ]
    return [[term, str(text)] for term, text in entries if text not in (None, "")]


def _minute(meta, key):
    """An ISO 8601 time up to its minutes."""
    return str(_of(meta, key) or "")[:16].replace("T", " ")


def _seconds(results):
    if "fit_seconds" not in results:
        return None
    total = results["fit_seconds"].sum()
    return f"{total / 60:.0f} min in all" if total >= 90 else f"{total:.0f} s in all"


def _rounded(values):
    """Nested lists of numbers with five significant digits; None for what is not finite."""
    if np.ndim(values):
        return [_rounded(each) for each in values]
    return float(f"{values:.5g}") if np.isfinite(values) else None
