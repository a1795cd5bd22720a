"""The ConvLSTM: the torch module, its passes on CPUs, its training, and the classifier around it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_classifier": ["ConvLSTMClassifier", "DecidesByLargest"],
        "_convlstm": ["ConvLSTM"],
        "_interrupts": ["interrupts_raised"],
        "_training": ["RANDOM_NUMBERS", "target_of", "validation_split"],
    },
)
