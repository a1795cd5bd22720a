"""
From a video to probabilities
=============================

Clips with known emotions become landmarks, a detector for each emotion learns from them, and a new clip is followed
frame by frame: what does each detector think, and when?
"""

import tempfile

import cv2
import matplotlib.pyplot as plt
import numpy as np
from sklearn.pipeline import make_pipeline

from sklearn_emoxai import (
    ConvLSTMClassifier,
    EmotionClassifier,
    LandmarkAligner,
    LandmarkExtractor,
    NeutralDifference,
    extract_landmarks,
)
from sklearn_emoxai.datasets import make_expression_videos

# %%
# Six emotions and a neutral face by five simulated subjects, rendered from a public-domain portrait. Each clip starts
# neutral and ends at the height of the expression. With clips of your own,
# :func:`~sklearn_emoxai.datasets.load_video_folder` takes this place.

N_FRAMES = 8
folder = tempfile.TemporaryDirectory()
EMOTIONS = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
clips = make_expression_videos(
    folder.name, n_subjects=5, n_frames=10, size=224, emotions=EMOTIONS, random_state=0
)
X = LandmarkExtractor(n_frames=N_FRAMES).fit_transform(clips.paths)
print("clips, frames, x and y, landmarks:", X.shape)

# %%
# One small network per emotion. Aligning takes out where the head is; the difference from the first, neutral frame
# takes out whose face it is.

network = ConvLSTMClassifier(n_filters=4, lr=1e-3, max_epochs=25, class_weight="balanced", random_state=0)
detector = make_pipeline(LandmarkAligner(), NeutralDifference(), network)
classifier = EmotionClassifier(detector).fit(X, clips.target, groups=clips.groups)

# %%
# A longer clip of another subject. At every moment the detectors see eight frames, spread evenly from the first to
# the present one.

new = make_expression_videos(
    f"{folder.name}/new", n_subjects=1, n_frames=30, size=224, emotions=["surprise"], random_state=7
)
sequence = extract_landmarks(new.paths[0])
moments = np.arange(1, len(sequence.landmarks))
windows = [np.linspace(0, now, N_FRAMES).round().astype(int) for now in moments]
probabilities = classifier.predict_proba(sequence.landmarks[windows])

# %%
# The frames, with the landmarks that were found, above the probabilities.

capture = cv2.VideoCapture(new.paths[0])
frames = [capture.read()[1][..., ::-1] for _ in range(30)]
capture.release()

figure = plt.figure(figsize=(8, 5), layout="constrained")
shown = [0, 8, 15, 22, 29]
axes = figure.subplot_mosaic([shown, ["probabilities"] * len(shown)], height_ratios=[1, 1.3])
for frame in shown:
    axes[frame].imshow(frames[frame], extent=(0, 224, 224, 0))
    axes[frame].plot(*sequence.landmarks[frame], ".", color="white", ms=0.7)
    axes[frame].set_title(f"{sequence.timestamps[frame]:.1f} s", fontsize=10)
    axes[frame].axis("off")
ax = axes["probabilities"]
for emotion in EMOTIONS:
    curve = probabilities[:, list(classifier.classes_).index(emotion)]
    style = {"surprise": {"lw": 3, "color": "C3"}, "neutral": {"lw": 2, "color": "0.3"}}.get(
        emotion, {"lw": 1}
    )
    ax.plot(sequence.timestamps[moments], curve, label=emotion, **style)
ax.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
ax.set(xlabel="time (s)", ylabel="probability", ylim=(0, 1))
ax.spines[["top", "right"]].set_visible(False)
ax.margins(x=0.01)
plt.show()
folder.cleanup()

# %%
# The binary detectors' probabilities are divided by their sum. That makes them comparable, not calibrated.
