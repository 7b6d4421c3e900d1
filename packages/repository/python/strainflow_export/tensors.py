"""Inputs made from a seed, outputs in a fixed order, and their comparison."""

from collections.abc import Mapping

import numpy as np

from .problem import Problem

DATATYPES = {
    "BOOL": np.bool_,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
}
NAMES = {np.dtype(dtype): name for name, dtype in DATATYPES.items()}


def datatype_of(array, what):
    """The protocol's name for an array's dtype."""
    try:
        return NAMES[array.dtype]
    except KeyError:
        raise Problem("export-failed", f"{what} is {array.dtype}, which a model server has no type for") from None


def sample(inputs, batch, seed):
    """One array per input. `shape` has -1 where any size will do: the first is the batch, others have theirs in `sizes`.

    Floats are normal with deviation 1; integers are 0 or 1, which is an index into nearly every table.
    """
    random = np.random.default_rng([seed, batch])
    arrays = []
    for spec in inputs:
        shape = [
            size if size != -1 else batch if axis == 0 else spec["sizes"][axis]
            for axis, size in enumerate(spec["shape"])
        ]
        dtype = np.dtype(DATATYPES[spec["datatype"]])
        if dtype.kind == "f":
            arrays.append(random.standard_normal(shape).astype(dtype))
        else:
            arrays.append(random.integers(0, 2, shape).astype(dtype))
    return arrays


def flatten(value, name=""):
    """(name, tensor) of everything a network gives: one tensor, a sequence of them, or a mapping."""
    if isinstance(value, Mapping):
        return [leaf for key, part in value.items() for leaf in flatten(part, f"{name}_{key}" if name else str(key))]
    if isinstance(value, (list, tuple)):
        parts = [flatten(part, f"{name}_{i}" if name else f"output_{i}") for i, part in enumerate(value)]
        return [leaf for part in parts for leaf in part]
    return [(name or "output", value)]


def free_axes(arrays_by_batch):
    """Shapes of outputs seen at several batch sizes, with -1 for the axes that differ."""
    shapes = [[array.shape for array in arrays] for arrays in arrays_by_batch]
    joined = []
    for output in zip(*shapes):
        if len({len(shape) for shape in output}) != 1:
            raise Problem("export-failed", f"an output has another rank at another batch size: {output}")
        joined.append([sizes[0] if len(set(sizes)) == 1 else -1 for sizes in zip(*output)])
    return joined


def compare(names, expected, found, rtol, atol):
    """The largest differences, or a Problem that says where outputs differ by more than atol + rtol·|expected|."""
    if len(expected) != len(found):
        raise Problem(
            "export-mismatch",
            f"the network gives {len(expected)} outputs, what was exported gives {len(found)}",
        )
    largest = 0.0
    for name, want, got in zip(names, expected, found):
        want, got = np.asarray(want), np.asarray(got)
        if want.shape != got.shape or want.dtype != got.dtype:
            raise Problem(
                "export-mismatch",
                f"output {name} is {got.dtype}{list(got.shape)} once exported, and {want.dtype}{list(want.shape)} in "
                "the network itself",
            )
        if want.size == 0:
            continue
        if want.dtype.kind == "f" and not np.isfinite(want).any():
            raise Problem(
                "export-mismatch",
                f"output {name} has no finite value for inputs of normal noise, so nothing can be compared",
            )
        close = np.isclose(want, got, rtol=rtol, atol=atol, equal_nan=want.dtype.kind == "f")
        difference = np.abs(want.astype(np.float64) - got.astype(np.float64))
        if not close.all():
            worst = np.unravel_index(np.nanargmax(np.where(close, 0, np.nan_to_num(difference, nan=np.inf))), want.shape)
            raise Problem(
                "export-mismatch",
                f"output {name} differs in {int((~close).sum())} of {want.size} values, most at "
                f"{[int(i) for i in worst]}: {got[worst]!s} exported, {want[worst]!s} in the network itself",
            )
        finite = difference[np.isfinite(difference)]
        largest = max(largest, float(finite.max()) if finite.size else 0.0)
    return largest
