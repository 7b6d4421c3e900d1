"""Rolling windows of streams: each update gives the snapshots that end in it, and the last samples are kept.

Each instance holds one sequence (direct scheduling); START begins with zeros. Several streams share a sequence, each
with a state of its own. For state X of L - S samples and update u: cat = X ++ u, snapshot i = cat[iS : iS + L];
shorter snapshots of the same stream end where the longest do.
"""

import json

import numpy as np
from strainflow_runtime import Config, check_environment, read, reply, starts


class Stream:
    def __init__(self, config, stream):
        self.input = stream["input"]
        self.stride = int(stream["stride_size"])
        self.update = tuple(config.shape(config.inputs[self.input]))
        self.batch = self.update[2] // self.stride
        self.snapshots = []
        first = 0
        for name in stream["outputs"]:
            shape = config.shape(config.outputs[name])
            channels = shape[1] if len(shape) == 3 else 1
            self.snapshots.append((name, slice(first, first + channels), shape))
            first += channels
        self.size = max(shape[-1] for _, _, shape in self.snapshots)
        short = min(shape[-1] for _, _, shape in self.snapshots)
        batches = {shape[0] for _, _, shape in self.snapshots}
        if self.update != (1, first, self.batch * self.stride) or batches != {self.batch} or short < self.stride:
            raise RuntimeError(
                f"input '{self.input}' is {list(self.update)} and its snapshots are {[s for _, _, s in self.snapshots]} "
                f"with a stride of {self.stride}: an update is [1, all channels, batch * stride], a snapshot [batch, "
                "channels, size] of at least one stride"
            )
        self.start = np.zeros((first, self.size - self.stride), np.float32)

    def step(self, state, update):
        """State and update to snapshots by output, and the next state."""
        if update.shape != self.update:
            raise RuntimeError(f"input '{self.input}' is {list(update.shape)}; it must be {list(self.update)}")
        whole = np.concatenate([state, update[0]], axis=1)
        outputs = {}
        for name, channels, shape in self.snapshots:
            part = whole[channels, self.size - shape[-1] :]
            windows = np.lib.stride_tricks.sliding_window_view(part, shape[-1], axis=1)[:, :: self.stride]
            outputs[name] = windows.transpose(1, 0, 2).reshape(shape)
        return outputs, whole[:, whole.shape[1] - state.shape[1] :].copy()


class TritonPythonModel:
    def initialize(self, args):
        check_environment()
        config = Config(args)
        self.streams = [Stream(config, stream) for stream in json.loads(config.parameter("strainflow.snapshots"))]
        self.states = None

    def execute(self, requests):
        return reply(self.snapshot, requests)

    def snapshot(self, request):
        states = [stream.start for stream in self.streams] if starts(request) else self.states
        if states is None:
            raise RuntimeError("a sequence goes on that never began: the model was loaded anew; send START")
        steps = [stream.step(state, read(request, stream.input)) for stream, state in zip(self.streams, states)]
        self.states = [state for _, state in steps]
        return {name: value for outputs, _ in steps for name, value in outputs.items()}
