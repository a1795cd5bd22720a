"""
Your own videos, and CK+
========================

What a folder of clips must look like, how to find the clips that are bad, and how to get from there to a first honest
number. Rendered clips stand in for yours.
"""

import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import pandas as pd
from sklearn.metrics import ConfusionMatrixDisplay
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from sklearn_emoxai import (
    LandmarkAligner,
    LandmarkExtractor,
    NeutralDifference,
    SequenceFlattener,
    extract_landmarks,
)
from sklearn_emoxai.datasets import load_video_folder, make_expression_videos

# %%
# The folder
# ----------
# Videos, or folders of images, and one CSV that says who shows what. Usual spellings of the emotions are understood
# (happy, joy, HA, ...); others go into ``labels={"Freude": "happiness"}``. Without a CSV, put the clips into folders
# named for the emotions, and have the subject read from the files' names: ``subject_pattern=r"^(S\d+)"``.

folder = tempfile.TemporaryDirectory()
root = Path(folder.name)
make_expression_videos(root, n_subjects=6, n_frames=8, size=224, random_state=1)
print((root / "clips.csv").read_text()[:160], "...")

# %%
# Loading reads no video yet. A missing file, an unknown emotion or a contradiction is an error that names the line;
# ``on_error="skip"`` lists them in ``clips.skipped`` instead. Look at the table: an emotion that only one subject
# shows can't be learnt.

clips = load_video_folder(root)
print(pd.crosstab(clips.groups, clips.target))

# %%
# The landmarks
# -------------
# ``cache_dir`` keeps what is done, so that an interrupted run goes on where it was. With ``on_error="nan"`` a clip
# without a face becomes a row of NaN, and a warning lists all of them with the reasons; leave those rows out
# afterwards.

extractor = LandmarkExtractor(n_frames=6, cache_dir=root / "landmarks", on_error="nan")
X = extractor.fit_transform(clips.paths)

# %%
# Look at some clips before you believe any number: are the landmarks where the face is, and does each clip start
# neutral? :func:`~sklearn_emoxai.extract_landmarks` tells more about one clip.

sequence = extract_landmarks(clips.paths[0])
print(
    f"{sequence.detected.mean():.0%} of the frames show a face; the crop (left, top, side) is {sequence.crop}."
)

figure, axes = plt.subplots(2, 6, figsize=(9, 3.4), layout="constrained", sharex=True, sharey=True)
for column, emotion in enumerate(sorted(set(clips.target))):
    i = list(clips.target).index(emotion)
    for row, (frame, when) in enumerate(((0, "first frame"), (-1, "last frame"))):
        axes[row, column].plot(*X[i, frame], ".", color="C0", ms=1.5)
        axes[row, column].set(aspect="equal", xticks=[], yticks=[], xlim=(30, 194), ylim=(210, 30))
        if column == 0:
            axes[row, 0].set_ylabel(when)
    axes[0, column].set_title(emotion, fontsize=10)
plt.show()

# %%
# A first honest number
# ---------------------
# A linear SVM on the movement since the first frame is quick, and hard to beat on few clips. Subjects are never
# split.

svm = make_pipeline(LandmarkAligner(), NeutralDifference(), SequenceFlattener(), SVC(kernel="linear"))
predicted = cross_val_predict(svm, X, clips.target, groups=clips.groups, cv=StratifiedGroupKFold(3))
figure, ax = plt.subplots(figsize=(5, 4.6), layout="constrained")
ConfusionMatrixDisplay.from_predictions(clips.target, predicted, colorbar=False, cmap="Blues", ax=ax)
ax.set(title="a linear SVM on unseen subjects", xlabel="predicted", ylabel="shown")
ax.tick_params(axis="x", rotation=40)
plt.show()
folder.cleanup()

# %%
# CK+
# ---
# The paper's data set comes by agreement with its owners. Unpack its archives into one folder; then, instead of
# :func:`~sklearn_emoxai.datasets.load_video_folder`:
#
# .. code-block:: python
#
#    from sklearn_emoxai.datasets import load_ck_plus
#
#    ck = load_ck_plus("CK+")                       # 309 sequences of six emotions
#    X = extractor.fit_transform(ck.paths)          # folders of images work as videos do
#    ck68 = load_ck_plus("CK+", landmarks="ck68")   # or the 68 points that come with it, without any detector
#
# :ref:`reproducing` tells how to compare with the paper from there.
