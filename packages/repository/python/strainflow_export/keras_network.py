"""Keras: a model file or a model → TensorFlow SavedModel or ONNX."""

import os

import numpy as np

from .find_network import find_named
from .onnx_file import OnnxFile
from .problem import Problem, need
from .tensors import datatype_of, flatten

INSTALL = "keras tensorflow"
INSTALL_ONNX = "keras tensorflow tf2onnx onnx onnxruntime"


def open_network(request):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    onnx = request["format"] == "onnx"
    keras = need("keras", INSTALL_ONNX if onnx else INSTALL)
    tensorflow = need("tensorflow", INSTALL_ONNX if onnx else INSTALL)
    if keras.backend.backend() != "tensorflow":
        raise Problem(
            "export-unavailable",
            f"Keras runs on {keras.backend.backend()} here; set KERAS_BACKEND=tensorflow for the export",
        )
    if onnx:
        need("tf2onnx", INSTALL_ONNX)
        need("onnxruntime", INSTALL_ONNX)
    return KerasNetwork(keras, tensorflow, request)


class KerasNetwork:
    def __init__(self, keras, tensorflow, request):
        self._keras, self._tf, self._request = keras, tensorflow, request
        self.versions = {"keras": keras.__version__, "tensorflow": tensorflow.__version__}
        self._net = load(keras, request)
        self._names = None

    def outputs(self, arrays):
        given = self._net(arrays[0] if len(arrays) == 1 else arrays, training=False)
        leaves = flatten(given)
        named = getattr(self._net, "output_names", None)
        self._names = list(named) if named and len(named) == len(leaves) else [name for name, _ in leaves]
        return [np.asarray(self._keras.ops.convert_to_numpy(leaf)) for _, leaf in leaves]

    def output_names(self, wanted, count):
        names = wanted or self._names
        if len(names) != count:
            raise Problem("export-failed", f"the network gives {count} outputs; {len(names)} are named")
        return names

    def export(self, arrays, names, expected):
        specs = self._request["inputs"]
        tensor_specs = [
            self._tf.TensorSpec(
                [None if size == -1 else size for size in spec["shape"]], array.dtype, name=spec["name"]
            )
            for spec, array in zip(specs, arrays)
        ]

        def call(args):
            return [leaf for _, leaf in flatten(self._net(args[0] if len(args) == 1 else list(args), training=False))]

        if self._request["format"] == "onnx":
            return self._onnx(self._tf.function(lambda *args: call(args), input_signature=tensor_specs), tensor_specs, names)
        # A function of our own rather than Keras' export: its signature then has the names that were asked for.
        serve = self._tf.function(lambda *args: dict(zip(names, call(args))), input_signature=tensor_specs)
        path = os.path.join(self._request["out"], "model.savedmodel")
        module = self._tf.Module()
        module.network = self._net
        module.serve = serve
        self._tf.saved_model.save(module, path, signatures={"serving_default": serve})
        return SavedModel(self._tf, path, [spec["name"] for spec in specs], names)

    def _onnx(self, serve, tensor_specs, names):
        converter = need("tf2onnx", INSTALL_ONNX)
        path = os.path.join(self._request["out"], "model.onnx")
        model, _ = converter.convert.from_function(
            serve, input_signature=tensor_specs, opset=self._request.get("opset") or 17
        )
        rename_outputs(model, names)
        with open(path, "wb") as file:
            file.write(model.SerializeToString())
        return OnnxFile(path, names)


class SavedModel:
    versions = {}

    def __init__(self, tensorflow, path, inputs, names):
        self.path = path
        self._tf, self._inputs, self._names = tensorflow, inputs, names
        # What is loaded owns the variables: without it the signature has none.
        self._loaded = tensorflow.saved_model.load(path)
        self._serve = self._loaded.signatures["serving_default"]
        takes = self._serve.structured_input_signature[1]
        gives = self._serve.structured_outputs
        self.inputs = [declared(name, takes[name]) for name in inputs]
        self.outputs_declared = [declared(name, gives[name]) for name in names]

    def outputs(self, arrays):
        given = self._serve(**{name: self._tf.constant(array) for name, array in zip(self._inputs, arrays)})
        return [given[name].numpy() for name in self._names]


def declared(name, spec):
    shape = [-1 if size is None else int(size) for size in spec.shape]
    return {"name": name, "datatype": datatype_of(np.empty(0, spec.dtype.as_numpy_dtype), name), "shape": shape}


def rename_outputs(model, names):
    """Gives outputs their names; tf2onnx counts them as Identity:0, in the order of the function's."""
    graph = model.graph
    renamed = dict(zip([output.name for output in graph.output], names))
    for node in graph.node:
        for i, name in enumerate(node.output):
            node.output[i] = renamed.get(name, name)
        for i, name in enumerate(node.input):
            node.input[i] = renamed.get(name, name)
    for output in graph.output:
        output.name = renamed[output.name]


def load(keras, request):
    name = request["network"]
    if request["kind"] == "callable":
        net = find_named(name, lambda value: isinstance(value, keras.Model))
        if request.get("weights"):
            net.load_weights(request["weights"])
        return net
    return keras.saving.load_model(name, compile=False, safe_mode=not request["trustPickle"])
