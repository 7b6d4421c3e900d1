import numpy as np
import onnx
from onnx import helper, numpy_helper


def export(net, args, path, input_names, output_names, dynamic_axes, dynamo, opset_version=17):
    """Writes `net.written_gain` · x + `net.offset`, in the shape of the example but for free axes."""
    if dynamo:
        raise TypeError("there is no onnxscript here")
    net.before_export()

    def info(name, array):
        free = dynamic_axes.get(name, {})
        shape = [free.get(axis, size) for axis, size in enumerate(array.shape)]
        return helper.make_tensor_value_info(name, helper.np_dtype_to_tensor_dtype(array.dtype), shape)

    (x,) = (arg.array for arg in args)
    graph = helper.make_graph(
        [
            helper.make_node("Mul", [input_names[0], "gain"], ["scaled"]),
            helper.make_node("Add", ["scaled", "offset"], [output_names[0]]),
        ],
        "network",
        [info(input_names[0], x)],
        [info(output_names[0], x)],
        [
            numpy_helper.from_array(np.asarray(net.written_gain, x.dtype), "gain"),
            numpy_helper.from_array(np.asarray(net.offset, x.dtype), "offset"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset_version)], ir_version=8)
    onnx.checker.check_model(model)
    onnx.save(model, path)
