"""Any ONNX file through onnxruntime, on Triton's python backend.

The file lies in the version's folder. The states that config.pbtxt names (parameter strainflow.states) are held here,
one sequence per instance (direct scheduling), and begin anew with START.
"""

import json
import os

import numpy as np

# onnxruntime would report its use to its maker; it reads this while it is imported.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort
from strainflow_runtime import NUMPY_TYPES, Config, check_environment, read, reply, starts

ORT_TYPES = {
    "BOOL": "tensor(bool)",
    "UINT8": "tensor(uint8)",
    "UINT16": "tensor(uint16)",
    "UINT32": "tensor(uint32)",
    "UINT64": "tensor(uint64)",
    "INT8": "tensor(int8)",
    "INT16": "tensor(int16)",
    "INT32": "tensor(int32)",
    "INT64": "tensor(int64)",
    "FP16": "tensor(float16)",
    "FP32": "tensor(float)",
    "FP64": "tensor(double)",
    "STRING": "tensor(string)",
}


class State:
    """One input that is fed with one output of the run before."""

    def __init__(self, folder, state):
        self.input = state["input"]
        self.output = state["output"]
        self.type = state["data_type"]
        kind = NUMPY_TYPES[self.type]
        if "file" not in state:
            self.start = np.zeros(state["dims"], kind)
        else:
            path = os.path.join(folder, "initial_state", state["file"])
            self.start = np.fromfile(path, kind).reshape(state["dims"])


class TritonPythonModel:
    def initialize(self, args):
        check_environment()
        config = Config(args)
        folder = args["model_repository"]
        path = os.path.join(folder, args["model_version"], config.parameters.get("strainflow.onnx_file", "model.onnx"))
        self.session = open_session(path, config)
        self.states = [State(folder, state) for state in json.loads(config.parameters.get("strainflow.states", "[]"))]
        self.held = None
        self.inputs = [(tensor["name"], tensor["optional"]) for tensor in config.raw["input"]]
        self.strings = {name for name, tensor in config.inputs.items() if tensor["data_type"] == "TYPE_STRING"}
        self.outputs = list(config.outputs)
        taken = {name: tensor["data_type"][5:] for name, tensor in config.inputs.items()}
        given = {name: tensor["data_type"][5:] for name, tensor in config.outputs.items()}
        check(path, "input", {**taken, **{s.input: s.type for s in self.states}}, self.session.get_inputs(), True)
        check(path, "output", {**given, **{s.output: s.type for s in self.states}}, self.session.get_outputs(), False)

    def execute(self, requests):
        return reply(self.run, requests)

    def run(self, request):
        feeds = {}
        for name, optional in self.inputs:
            if optional and name not in {tensor.name() for tensor in request.inputs()}:
                continue
            value = read(request, name)
            feeds[name] = decoded(value) if name in self.strings else value
        if self.states:
            held = [state.start for state in self.states] if starts(request) else self.held
            if held is None:
                raise RuntimeError("a sequence goes on that never began: the model was loaded anew; send START")
            feeds.update(zip((state.input for state in self.states), held))
        wanted = [name for name in self.outputs if name in request.requested_output_names()]
        names = list(dict.fromkeys([*wanted, *(state.output for state in self.states)]))
        values = dict(zip(names, self.session.run(names, feeds)))
        if self.states:
            self.held = [values[state.output] for state in self.states]
        return {name: encoded(values[name]) for name in wanted}


def open_session(path, config):
    options = ort.SessionOptions()
    options.intra_op_num_threads = config.whole("intra_op_thread_count", 1)
    options.inter_op_num_threads = config.whole("inter_op_thread_count", 1)
    # Threads that spin between runs burn the very cores that other models need.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.add_session_config_entry("session.inter_op.allow_spinning", "0")
    options.log_severity_level = 3
    gpu = config.args["model_instance_kind"] == "GPU"
    named = config.parameters.get("strainflow.execution_providers", "")
    providers = named.split(",") if named else ["CUDAExecutionProvider" if gpu else "CPUExecutionProvider"]
    missing = [name for name in providers if name not in ort.get_available_providers()]
    if missing:
        raise RuntimeError(
            f"onnxruntime {ort.__version__} of this environment has no {', '.join(missing)}, only "
            f"{', '.join(ort.get_available_providers())}: install another build of it, or choose another kind"
        )
    device = {"device_id": config.args["model_instance_device_id"]} if gpu else {}
    on_gpu = ("CUDAExecutionProvider", "TensorrtExecutionProvider", "ROCMExecutionProvider")
    return ort.InferenceSession(path, options, [(name, device if name in on_gpu else {}) for name in providers])


def check(path, what, declared, tensors, whole):
    """Refuses a configuration that the file does not bear out."""
    found = {tensor.name: tensor.type for tensor in tensors}
    for name, kind in declared.items():
        if found.get(name) != ORT_TYPES.get(kind):
            raise RuntimeError(f"{what} '{name}' is {kind} in config.pbtxt, and {found.get(name, 'not')} in {path}")
    left = set(found) - set(declared) if whole else set()
    if left:
        raise RuntimeError(f"{path} needs {what} {', '.join(sorted(left))}, which config.pbtxt does not declare")


def decoded(value):
    return np.array([item.decode() for item in value.flat], np.object_).reshape(value.shape)


def encoded(value):
    if value.dtype != np.object_:
        return value
    return np.array([str(item).encode() for item in value.flat], np.object_).reshape(value.shape)
