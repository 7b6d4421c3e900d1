"""An ONNX file by onnxruntime, all requests of a batch in one run: what one writes for a server with dynamic batching."""

import os

import numpy as np

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
import onnxruntime as ort
import triton_python_backend_utils as pb


class TritonPythonModel:
    def initialize(self, args):
        options = ort.SessionOptions()
        options.intra_op_num_threads = 1
        options.inter_op_num_threads = 1
        options.log_severity_level = 3
        path = os.path.join(args["model_repository"], args["model_version"], "model.onnx")
        self.session = ort.InferenceSession(path, options, ["CPUExecutionProvider"])

    def execute(self, requests):
        parts = [pb.get_input_tensor_by_name(request, "x").as_numpy() for request in requests]
        together = parts[0] if len(parts) == 1 else np.concatenate(parts)
        (values,) = self.session.run(["y"], {"x": together})
        replies = []
        begin = 0
        for part in parts:
            end = begin + len(part)
            replies.append(pb.InferenceResponse([pb.Tensor("y", values[begin:end])]))
            begin = end
        return replies
