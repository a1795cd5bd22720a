"""From pixels to landmark sequences: frames in, the detectors of MediaPipe, the face's crop, one video, many."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_detectors": ["MODEL_VARIABLE", "has_bundled_graph", "locate_model", "open_detector"],
        "_extractor": ["LandmarkExtractor", "extract_each", "extract_many", "settings_key"],
        "_one_video": ["LandmarkSequence", "extract_landmarks"],
        "_video": [
            "IMAGE_SUFFIXES",
            "VIDEO_SUFFIXES",
            "open_source",
            "read_sampled",
            "sample_indices",
            "silenced_stderr",
        ],
    },
)
