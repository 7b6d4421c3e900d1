"""Stands in for Torch where tests cannot have it: tensors are arrays, and modules write themselves as ONNX."""

import numpy as np

from . import export, jit, nn, onnx

__version__ = "0.0.0+stand-in"
__all__ = ["Tensor", "export", "from_numpy", "jit", "load", "nn", "no_grad", "onnx"]


class Tensor:
    def __init__(self, array):
        self.array = np.asarray(array)

    def detach(self):
        return self

    def cpu(self):
        return self

    def numpy(self):
        return self.array


def from_numpy(array):
    return Tensor(array)


class no_grad:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def load(path, map_location=None, weights_only=True):
    if weights_only and "whole" in path:
        raise RuntimeError("Weights only load failed")
    return {"gain": 3.0}
