"""From pixels to landmark sequences: frames in, the detectors of MediaPipe, the face's crop, one video, many."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_clip_files": [
            "IMAGE_SUFFIXES",
            "VIDEO_SUFFIXES",
            "find_videos",
            "is_video",
            "is_hidden",
            "is_image",
        ],
        "_decoding": ["open_source"],
        "_detectors": ["has_bundled_graph", "open_detector", "resolve_detector"],
        "_extractor": ["LandmarkExtractor", "extract_each", "extract_many", "settings_key"],
        "_face_follower": ["FaceFollower"],
        "_model_file": ["MODEL_VARIABLE", "locate_model"],
        "_one_video": ["LandmarkSequence", "extract_landmarks"],
        "_sampling": ["read_sampled", "sample_indices"],
        "_silence": ["named_libraries", "silenced_stderr"],
    },
)
