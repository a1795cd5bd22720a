"""Rendered clips at the apex, three subjects, six emotions, and the landmarks of one."""

import tempfile

import cv2
import matplotlib.pyplot as plt

from sklearn_emoxai.datasets import make_expression_videos

SIZE, N_FRAMES = 192, 6


def last_frame(path):
    """Return the clip's last frame, RGB."""
    capture = cv2.VideoCapture(path)
    frames = [capture.read()[1] for _ in range(N_FRAMES)]
    capture.release()
    return frames[-1][..., ::-1]


with tempfile.TemporaryDirectory() as folder:
    clips = make_expression_videos(folder, n_subjects=3, n_frames=N_FRAMES, size=SIZE, random_state=2)
    apexes = [last_frame(path) for path in clips.paths]

figure, axes = plt.subplots(3, 6, figsize=(11, 6), layout="constrained")
for ax, frame, landmarks, emotion in zip(axes.flat, apexes, clips.landmarks[:, -1], clips.target):
    ax.imshow(frame, extent=(0, SIZE, SIZE, 0))
    if ax in axes[-1]:
        ax.plot(*landmarks, ".", color="w", ms=1)
    ax.axis("off")
    if ax in axes[0]:
        ax.set_title(emotion)
