"""Data sets: loaders for what people have, and expressions whose informative landmarks are known."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_ck_plus": ["load_ck_plus"],
        "_expressions": ["make_expressions"],
        "_folders": ["load_video_folder"],
        "_openface": ["load_openface_csv"],
        "_published._crema_d": ["load_crema_d"],
        "_published._grammatical": ["load_grammatical_expressions"],
        "_published._ravdess": ["load_ravdess"],
        "_published._uci": ["load_uci_gfe"],
        "_videos": ["make_expression_videos"],
    },
)
