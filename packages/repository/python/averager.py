"""Overlapping kernels averaged into one stream.

Of B kernels of K samples, the newest N*U each (less an offset); output block b is the mean over m = 0 ... N - 1 of piece
m of kernel b - m. What the blocks that are not complete yet have so far is kept. Each instance holds one sequence
(direct scheduling); START begins with zeros.
"""

import numpy as np
from strainflow_runtime import Config, check_environment, read, reply, starts


class TritonPythonModel:
    def initialize(self, args):
        check_environment()
        config = Config(args)
        ((self.input, update),) = config.inputs.items()
        ((self.output, output),) = config.outputs.items()
        self.input_shape = tuple(config.shape(update))
        self.output_shape = tuple(config.shape(output))
        self.batch = self.input_shape[0]
        self.channels = self.input_shape[1] if len(self.input_shape) == 3 else 1
        self.update_size = config.whole("strainflow.update_size")
        self.count = config.whole("strainflow.num_updates")
        used = self.count * self.update_size
        end = self.input_shape[-1] - config.whole("strainflow.offset", 0)
        if end < used or self.output_shape[-1] != self.batch * self.update_size:
            raise RuntimeError(
                f"{self.count} updates of {self.update_size} do not fit kernels {list(self.input_shape)} and an output "
                f"{list(self.output_shape)}: samples of a kernel >= updates * size + offset, output = batch * size"
            )
        self.newest = slice(end - used, end)
        self.state = None

    def execute(self, requests):
        return reply(self.average, requests)

    def average(self, request):
        blocks = self.batch + self.count - 1
        update = read(request, self.input)
        if update.shape != self.input_shape:
            raise RuntimeError(f"input '{self.input}' is {list(update.shape)}; it must be {list(self.input_shape)}")
        waiting = np.zeros((self.channels, self.count - 1, self.update_size), np.float32)
        waiting = waiting if starts(request) else self.state
        if waiting is None:
            raise RuntimeError("a sequence goes on that never began: the model was loaded anew; send START")
        kernels = update.reshape(self.batch, self.channels, -1)[..., self.newest]
        pieces = kernels.reshape(self.batch, self.channels, self.count, self.update_size).transpose(1, 0, 2, 3)
        total = np.zeros((self.channels, blocks, self.update_size), np.float32)
        for m in range(self.count):
            total[:, m : m + self.batch] += pieces[:, :, m]
        total /= np.float32(self.count)
        total[:, : self.count - 1] += waiting
        self.state = total[:, self.batch :].copy()
        return {self.output: total[:, : self.batch].reshape(self.output_shape)}
