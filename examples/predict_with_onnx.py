"""
Predicting without this package
===============================

A detector that ``emoxai export model.skops model.onnx`` wrote predicts with onnxruntime and NumPy alone: alignment,
neutral difference, selection and networks are in the file, and so are the names of its labels. The landmarks are
those of the 468-point face mesh in pixels, from any tracker that has them; here from a file that ``emoxai extract``
wrote::

    python predict_with_onnx.py model.onnx landmarks.npz
"""

import json
import sys

import numpy as np
import onnxruntime

model, landmarks = sys.argv[1:]
session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
about = session.get_modelmeta().custom_metadata_map
labels = json.loads(about["labels"])

# %%
# Sequences of ``n_frames`` frames each, evenly spread from neutral to apex: (n, n_frames, 2, 468), float32.

X = np.load(landmarks)["data"].astype(np.float32)
(probabilities,) = session.run(["probabilities"], {"landmarks": X})
for row in probabilities:
    print(labels[row.argmax()], *(f"{label}={value:.3f}" for label, value in zip(labels, row)))
