"""Torch: a module, a TorchScript file or an exported program → ONNX or TorchScript."""

import importlib.util
import os

import numpy as np

from .find_network import find_named
from .onnx_file import OnnxFile
from .problem import Problem, need
from .tensors import datatype_of, flatten, free_axes

INSTALL = "torch onnx onnxscript onnxruntime"


def open_network(request):
    torch = need("torch", INSTALL if request["format"] == "onnx" else "torch")
    if request["format"] == "onnx":
        need("onnxruntime", INSTALL)
    return TorchNetwork(torch, request)


class TorchNetwork:
    def __init__(self, torch, request):
        self._torch = torch
        self._request = request
        self.versions = {"torch": torch.__version__}
        self._net, self._program = load(torch, request)
        if self._program is None:
            self._net.to("cpu").eval()
        self._names = None

    def _call(self, net, arrays):
        with self._torch.no_grad():
            leaves = flatten(net(*(self._torch.from_numpy(array) for array in arrays)))
        for name, leaf in leaves:
            if not isinstance(leaf, self._torch.Tensor):
                raise Problem("export-failed", f"{name} of the network is a {type(leaf).__name__}, not a tensor")
        self._names = [name for name, _ in leaves]
        return [np.asarray(leaf.detach().cpu().numpy()) for _, leaf in leaves]

    def outputs(self, arrays):
        return self._call(self._net, arrays)

    def output_names(self, wanted, count):
        return checked_names(wanted, self._names, count)

    def export(self, arrays, names, expected):
        out = self._request["out"]
        args = tuple(self._torch.from_numpy(array) for array in arrays)
        if self._request["format"] == "torchscript":
            return self._script(args, names, expected, os.path.join(out, "model.pt"))
        return self._onnx(args, names, os.path.join(out, "model.onnx"))

    def _onnx(self, args, names, path):
        torch, request = self._torch, self._request
        inputs = [spec["name"] for spec in request["inputs"]]
        opset = {} if request.get("opset") is None else {"opset_version": request["opset"]}
        script = isinstance(self._net, torch.jit.ScriptModule)
        # The newer exporter needs onnxscript, and does not take TorchScript; the older one is everywhere.
        if not script and importlib.util.find_spec("onnxscript") is not None:
            torch.onnx.export(
                self._program if self._program is not None else self._net,
                args,
                path,
                input_names=inputs,
                output_names=names,
                dynamic_shapes=None if self._program is not None else self._dynamic_shapes(),
                dynamo=True,
                external_data=is_large(self._net),
                verbose=False,
                **opset,
            )
        else:
            if self._program is not None:
                need("onnxscript", "onnxscript")
            free = {
                spec["name"]: {axis: axis_name(i, axis) for axis, size in enumerate(spec["shape"]) if size == -1}
                for i, spec in enumerate(request["inputs"])
            }
            batched = any(spec["shape"][:1] == [-1] for spec in request["inputs"])
            outputs = {name: {0: "batch"} for name in names} if batched else {}
            torch.onnx.export(
                self._net,
                args,
                path,
                input_names=inputs,
                output_names=names,
                dynamic_axes={**free, **outputs},
                dynamo=False,
                **opset,
            )
        return OnnxFile(path, names)

    def _dynamic_shapes(self):
        """Per argument, the axes of any size; the batch is one and the same for all."""
        dims = {}
        return tuple(
            {
                axis: dims.setdefault(axis_name(i, axis), self._torch.export.Dim(axis_name(i, axis)))
                for axis, size in enumerate(spec["shape"])
                if size == -1
            }
            for i, spec in enumerate(self._request["inputs"])
        )

    def _script(self, args, names, expected, path):
        torch = self._torch
        if self._program is not None:
            raise Problem("export-failed", "an exported program (.pt2) cannot be TorchScript; choose the format onnx")
        script = isinstance(self._net, torch.jit.ScriptModule)
        with torch.no_grad():
            traced = self._net if script else torch.jit.trace(flat(torch, self._net), args)
        torch.jit.save(traced, path)
        loaded = torch.jit.load(path, map_location="cpu").eval()
        return Script(self, loaded, path, names, expected)


class Script:
    """TorchScript has no names: Triton counts, <name>__0, <name>__1, and so on."""

    versions = {}

    def __init__(self, network, loaded, path, names, expected):
        self.path = path
        self._network, self._loaded = network, loaded
        specs = network._request["inputs"]
        self.inputs = [{**spec, "name": f"{spec['name']}__{i}"} for i, spec in enumerate(specs)]
        self.outputs_declared = [
            {"name": f"{name}__{i}", "datatype": datatype_of(array, f"output {name}"), "shape": shape}
            for i, (name, array, shape) in enumerate(zip(names, expected[0], free_axes(expected)))
        ]

    def outputs(self, arrays):
        return self._network._call(self._loaded, arrays)


def flat(torch, net):
    """The network with its outputs as one tensor or a tuple: the tracer takes no mappings, nor does Triton."""

    class Flat(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = net

        def forward(self, *args):
            leaves = tuple(leaf for _, leaf in flatten(self.network(*args)))
            return leaves[0] if len(leaves) == 1 else leaves

    return Flat().eval()


def axis_name(i, axis):
    return "batch" if axis == 0 else f"size_{i}_{axis}"


def is_large(net):
    """Whether its weights need a file beside the ONNX file, which holds 2 GB at most."""
    parameters = net.parameters() if hasattr(net, "parameters") else []
    return sum(p.numel() * p.element_size() for p in parameters) > 1_800_000_000


def checked_names(wanted, found, count):
    names = wanted or found
    if len(names) != count:
        raise Problem("export-failed", f"the network gives {count} outputs ({', '.join(found)}); {len(names)} are named")
    return names


def load(torch, request):
    """(callable network, exported program or None)"""
    name = request["network"]
    if request["kind"] == "callable":
        net = find_named(name, lambda value: isinstance(value, torch.nn.Module))
        if request.get("weights"):
            net.load_state_dict(torch.load(request["weights"], map_location="cpu", weights_only=True))
        return net, None
    if name.endswith(".pt2"):
        program = torch.export.load(name)
        return program.module(), program
    try:
        return torch.jit.load(name, map_location="cpu"), None
    except RuntimeError:
        pass  # Not TorchScript: a pickle of a module, or of its weights.
    try:
        loaded = torch.load(name, map_location="cpu", weights_only=not request["trustPickle"])
    except Exception as error:
        if request["trustPickle"]:
            raise
        raise Problem(
            "export-failed",
            f"{name} is a pickle of a whole network, and loading it runs whatever code is in it. If you trust it, pass "
            "--trust-pickle (trustPickle); better, name the network as module:callable, and its weights with --weights",
        ) from error
    if not isinstance(loaded, torch.nn.Module):
        raise Problem(
            "export-failed",
            f"{name} holds weights, not a network; name the network as module:callable and the file with --weights (weights)",
        )
    return loaded, None
