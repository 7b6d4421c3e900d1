"""What strainflow's models on Triton's python backend share: checks at load, parameters, sequences, replies."""

import json

import numpy as np
import triton_python_backend_utils as pb_utils

NUMPY_TYPES = {
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
    "STRING": np.object_,
}


def check_environment():
    """Refuses a numpy that this server's python backend cannot read: every reply would have 0 bytes, and no error.

    A tensor goes through the server's own C++ and back; as_numpy() alone would hand out the very array it was given.
    """
    for kind in (np.float32, np.float64, np.int64, np.bool_):
        given = np.array([[0, 1, 2], [3, 4, 5]], dtype=kind)
        tensor = pb_utils.Tensor("probe", given)
        returned = pb_utils.Tensor.from_dlpack("probe", tensor.to_dlpack()).as_numpy()
        if returned.dtype != given.dtype or not np.array_equal(returned, given):
            raise RuntimeError(
                f"numpy {np.__version__} does not fit this server's python backend: a tensor of {given.dtype} comes "
                "back with other values, and replies would be empty without an error. Triton 2.51 and older need "
                "numpy<2: install it in the environment that the server runs in, or name one by EXECUTION_ENV_PATH"
            )


class Config:
    """A model's configuration as the server hands it over."""

    def __init__(self, args):
        self.args = args
        self.raw = json.loads(args["model_config"])
        self.parameters = {key: value["string_value"] for key, value in self.raw.get("parameters", {}).items()}
        self.inputs = {tensor["name"]: tensor for tensor in self.raw["input"]}
        self.outputs = {tensor["name"]: tensor for tensor in self.raw["output"]}
        if self.stateful and self.raw["max_batch_size"] > 1:
            raise RuntimeError(
                f"max_batch_size is {self.raw['max_batch_size']}: this model holds one sequence per instance, so it must "
                "be 0 or 1; instance_group.count says how many sequences there may be at once"
            )

    @property
    def stateful(self):
        return "sequence_batching" in self.raw

    def parameter(self, name):
        if name not in self.parameters:
            raise RuntimeError(f"config.pbtxt has no parameter {name}, which this model needs")
        return self.parameters[name]

    def whole(self, name, otherwise=None):
        return otherwise if otherwise is not None and name not in self.parameters else int(self.parameter(name))

    def shape(self, tensor):
        """Whole shape of an input or output, with the batch of one that max_batch_size implies."""
        dims = [int(size) for size in tensor["dims"]]
        return dims if self.raw["max_batch_size"] == 0 else [1, *dims]


def starts(request):
    """Whether a request begins a sequence, from the START control of config.pbtxt."""
    control = pb_utils.get_input_tensor_by_name(request, "START")
    if control is None:
        raise RuntimeError("the request carries no START control: sequence_batching.control_input must declare it")
    return bool(control.as_numpy().flat[0])


def read(request, name):
    """An input's array: a view of the server's memory, gone when the reply is sent."""
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if tensor is None:
        raise RuntimeError(f"the request has no input '{name}'")
    return tensor.as_numpy()


def reply(run, requests):
    """One reply per request: what `run` returns as a dict of arrays, or the error that it raised."""
    replies = []
    for request in requests:
        try:
            tensors = [pb_utils.Tensor(name, np.ascontiguousarray(value)) for name, value in run(request).items()]
            replies.append(pb_utils.InferenceResponse(tensors))
        except Exception as error:  # one bad request must not fail its neighbours
            replies.append(pb_utils.InferenceResponse(error=pb_utils.TritonError(f"{type(error).__name__}: {error}")))
    return replies
