"""A Torch network behind a stream, its outputs averaged into one: the repository's folder."""

import sys

import torch
from hermes.quiver import ModelRepository, Platform


class Bent(torch.nn.Module):
    def forward(self, kernel):
        return torch.tanh(0.3 * kernel).sum(1)


repository = ModelRepository(sys.argv[1])
network = repository.add("bent", Platform.ONNX)
network.export_version(Bent().eval(), input_shapes={"kernel": (4, 2, 24)}, output_names=["y"])

ensemble = repository.add("search", Platform.ENSEMBLE)
ensemble.add_streaming_inputs(network.inputs["kernel"], stream_size=8, batch_size=4, name="snapshotter")
ensemble.add_streaming_output(network.outputs["y"], update_size=8, num_updates=2, name="aggregator")
ensemble.export_version(None)
# Its groups of instances are for GPUs unless they are told otherwise; here there are none.
for model in repository.models.values():
    for group in model.config.instance_group:
        group.kind = group.KIND_CPU
    model.config.write()
