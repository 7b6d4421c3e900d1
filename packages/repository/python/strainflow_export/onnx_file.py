"""An ONNX file, run by onnxruntime."""

from .problem import need

INSTALL = "onnxruntime"


class OnnxFile:
    """What was exported; strainflow reads inputs and outputs from the file itself."""

    inputs = None
    outputs_declared = None

    def __init__(self, path, names):
        runtime = need("onnxruntime", INSTALL)
        self.path = path
        self.versions = {"onnxruntime": runtime.__version__}
        self._session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
        self._inputs = [one.name for one in self._session.get_inputs()]
        self._outputs = names

    def outputs(self, arrays):
        return self._session.run(self._outputs, dict(zip(self._inputs, arrays)))
