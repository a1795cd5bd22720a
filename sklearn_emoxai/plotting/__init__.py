"""Figures, in scikit-learn's Display convention."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__, submod_attrs={"_importance": ["LandmarkImportanceDisplay"]}
)
