"""
Expressions over time, as a camera would show them
==================================================

:class:`~sklearn_emoxai.LiveDetector` takes frames one by one, as they come from a camera, and tells each emotion's
probability at each of them. Here the frames are those of rendered clips, laid end to end with the neutral face in
between, so that it is known what they show. All clips show one woman whose pixels are warped: nothing here is
evidence about people.
"""

import tempfile

import matplotlib.pyplot as plt
import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    EmotionClassifier,
    LandmarkAligner,
    LandmarkExtractor,
    LiveDetector,
    NeutralDifference,
    SequenceFlattener,
)
from sklearn_emoxai.datasets import make_expression_videos
from sklearn_emoxai.extraction import open_source

EMOTIONS = ["anger", "happiness", "surprise"]

# %%
# A detector learns from the clips of four simulated subjects. Any classifier with probabilities will do; this one is
# fast.

folder = tempfile.TemporaryDirectory()
clips = make_expression_videos(folder.name, n_subjects=5, emotions=EMOTIONS, n_frames=16, random_state=0)
learnt = clips.groups != "S005"
X = LandmarkExtractor(n_frames=8).fit_transform(np.array(clips.paths)[learnt])
pipeline = make_pipeline(
    LandmarkAligner(), NeutralDifference(), SequenceFlattener(), LogisticRegression(C=100, max_iter=1000)
)
detector = EmotionClassifier(pipeline).fit(X, clips.target[learnt])

# %%
# The fifth subject's stream: neutral, then each expression comes, is held for a second, and goes.

frames, shown = [], []
for path, emotion in zip(np.array(clips.paths)[~learnt], clips.target[~learnt]):
    clip = [decode() for _, decode in open_source(path).frames()]
    frames += [clip[0]] * 25 + clip + [clip[-1]] * 15 + clip[::-1]
    shown += [""] * 33 + [emotion] * 31 + [""] * 8
folder.cleanup()

# %%
# One frame after the other, with its time. The first second of the face serves as the neutral one that the detector
# subtracts; ``live.calibrate()`` would take another second for it, at any time.

with LiveDetector(detector, window=1.5) as live:
    results = [live.update(frame, i / 15) for i, frame in enumerate(frames)]
print(results[50].emotion, results[50].neutral, results[50].landmarks.shape)

# %%
# The curves, over shades that tell what is shown.

seconds = np.array([result.timestamp for result in results])
figure, ax = plt.subplots(figsize=(7, 3), layout="constrained")
for i, label in enumerate(live.labels):
    values = [result.probabilities[label] for result in results]
    ax.plot(seconds, values, color=f"C{i}", label=label)
    ax.fill_between(seconds, np.array(shown) == label, color=f"C{i}", alpha=0.15, linewidth=0, step="mid")
ax.set(xlabel="time (s)", ylabel="probability", ylim=(0, 1))
ax.legend(loc="upper center", ncols=3, bbox_to_anchor=(0.5, 1.18), frameon=False)
plt.show()
