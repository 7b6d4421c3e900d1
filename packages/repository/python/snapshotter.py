"""Rolling windows of streams: each update gives the snapshots that end in it, and the last samples are kept.

Each instance holds one sequence (direct scheduling); START begins with zeros. Several streams share a sequence, each
with a state of its own. For state X of L - S samples and update u: cat = X ++ u, snapshot i = cat[iS : iS + L].
"""

import json

import numpy as np
from strainflow_runtime import Config, check_environment, read, reply, starts


class Stream:
    def __init__(self, config, stream):
        self.input = stream["input"]
        self.outputs = stream["outputs"]
        self.stride = int(stream["stride_size"])
        shapes = [config.shape(config.outputs[name]) for name in self.outputs]
        self.size = shapes[0][-1]
        self.edges = np.cumsum([shape[1] for shape in shapes])[:-1]
        update = config.shape(config.inputs[self.input])
        channels = sum(shape[1] for shape in shapes)
        if update != [1, channels, shapes[0][0] * self.stride] or any(
            (shape[0], shape[-1]) != (shapes[0][0], self.size) for shape in shapes
        ):
            raise RuntimeError(
                f"input '{self.input}' is {update} and its snapshots are {shapes} with a stride of {self.stride}: "
                "an update is [1, all channels, batch * stride], a snapshot [batch, channels, size]"
            )
        self.update = tuple(update)
        self.start = np.zeros((channels, self.size - self.stride), np.float32)

    def step(self, state, update):
        """State and update to snapshots by output, and the next state."""
        if update.shape != self.update:
            raise RuntimeError(f"input '{self.input}' is {list(update.shape)}; it must be {list(self.update)}")
        whole = np.concatenate([state, update[0]], axis=1)
        windows = np.lib.stride_tricks.sliding_window_view(whole, self.size, axis=1)[:, :: self.stride]
        parts = np.split(windows.transpose(1, 0, 2), self.edges, axis=1)
        return dict(zip(self.outputs, parts)), whole[:, whole.shape[1] - self.start.shape[1] :].copy()


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
