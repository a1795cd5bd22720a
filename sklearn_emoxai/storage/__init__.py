"""What is kept on disk: landmarks, fitted estimators, arrays larger than memory; and how they reach other processes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_atomic": ["write_atomically"],
        "_cluster": ["check_workers", "on_cluster"],
        "_code": ["Code"],
        "_estimator_file": ["load", "save"],
        "_in_order": ["in_order"],
        "_landmark_cache": ["LandmarkCache", "hash_source"],
        "_landmark_file": ["load_landmarks", "save_landmarks"],
        "_landmark_folder": ["QUALITY_COLUMNS", "LandmarkFolder", "is_landmark_folder"],
        "_mapped_array": ["MappedArray", "in_blocks", "open_mapped", "register_size"],
        "_named_array": ["named", "names_in"],
        "_versions": ["PACKAGES", "installed_versions"],
    },
)
