"""Cases of a program that uses a server: each runs by itself, and all are told of in one line of JSON."""

import inspect
import json
import sys
import time
import traceback

import numpy as np

LIMIT = 20  # Seconds that nothing here takes.

_cases = []


def case(function):
    _cases.append(function)
    return function


def run(*arguments):
    """`{name: "as expected" or what went wrong}`."""
    results = {}
    for function in _cases:
        try:
            function(*arguments)
            results[function.__name__] = "as expected"
        except Exception:
            results[function.__name__] = traceback.format_exc(limit=4)
    print(json.dumps(results))


async def run_async(*arguments):
    results = {}
    for function in _cases:
        try:
            await function(*arguments)
            results[function.__name__] = "as expected"
        except Exception:
            results[function.__name__] = traceback.format_exc(limit=4)
    print(json.dumps(results))


def equal(got, want):
    """Same values, same shape; and the same type where the wanted one is an array."""
    if isinstance(want, np.ndarray):
        if got is None or got.dtype != want.dtype:
            raise AssertionError(f"{got!r} is not of {want.dtype}")
        np.testing.assert_array_equal(got, want, strict=True)
    elif got != want:
        raise AssertionError(f"got {got!r}, wanted {want!r}")


def refused(call, *words):
    """The words with which a call is refused."""
    from tritonclient.utils import InferenceServerException

    try:
        call()
    except InferenceServerException as error:
        for word in words:
            if word not in str(error):
                raise AssertionError(f"{word!r} is not in {error}") from error
        return error
    raise AssertionError(f"{inspect.getsource(call).strip()} was not refused")


def until(condition):
    deadline = time.monotonic() + LIMIT
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("it did not come to that")
        time.sleep(0.005)


def addresses():
    """gRPC `host:port`, HTTP `host:port`."""
    return sys.argv[1], sys.argv[2]


RANDOM = np.random.default_rng(150914)

EVERY_TYPE = {
    "BOOL": np.array([True, False, True]),
    "UINT8": np.array([0, 7, 255], np.uint8),
    "UINT16": np.array([0, 7, 65535], np.uint16),
    "UINT32": np.array([0, 7, 2**32 - 1], np.uint32),
    "UINT64": np.array([0, 7, 2**64 - 1], np.uint64),
    "INT8": np.array([-128, 7, 127], np.int8),
    "INT16": np.array([-32768, 7, 32767], np.int16),
    "INT32": np.array([-(2**31), 7, 2**31 - 1], np.int32),
    "INT64": np.array([-(2**63), 7, 2**63 - 1], np.int64),
    "FP16": np.array([0, 1, -65504], np.float16),
    "FP32": np.array([-1.5, 1e-30, 3e38], np.float32),
    "FP64": np.array([-1.5, 1e-300, 1e308], np.float64),
    "BYTES": np.array([b"strain", "\u03c0".encode(), b""], np.object_),
}

# JSON has no halves of floats, and its texts come as such.
EVERY_JSON_TYPE = {name: value for name, value in EVERY_TYPE.items() if name != "FP16"}


def texts(values):
    return np.array([value.decode() for value in values.ravel()], np.object_).reshape(values.shape)


def tensor(module, name, values, datatype="FP32", **ways):
    made = module.InferInput(name, list(values.shape), datatype)
    made.set_data_from_numpy(values, **ways)
    return made


def two_integers(module, rows=1, **ways):
    """Inputs of the model `simple`, and the sums and differences that it answers with."""
    a = RANDOM.integers(-(2**30), 2**30, (rows, 16), dtype=np.int32)
    b = RANDOM.integers(-(2**30), 2**30, (rows, 16), dtype=np.int32)
    inputs = [tensor(module, "INPUT0", a, "INT32", **ways), tensor(module, "INPUT1", b, "INT32", **ways)]
    return inputs, a + b, a - b


def one(value):
    return np.array([value], np.float32)
