"""A fitted detector outside of batches: on a stream of frames, on a page of a browser, and in other runtimes."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "_detector": ["LiveDetector", "LiveResult"],
        "_server": ["listen", "make_app", "serve", "uvicorn_server"],
        "_onnx": ["answers", "export_onnx"],
        "_sources": ["open_stream", "print_results"],
    },
)
