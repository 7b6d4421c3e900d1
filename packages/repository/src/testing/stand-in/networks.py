"""Networks that behave, and networks that do not."""

import os
import sys
import time

import numpy as np
import torch


class Affine(torch.nn.Module):
    def __init__(self, gain=2.0, offset=1.0, written_gain=None):
        self.gain, self.offset, self._written = gain, offset, written_gain

    @property
    def written_gain(self):
        return self.gain if self._written is None else self._written

    def forward(self, x):
        print("the network talks while it runs")
        return torch.Tensor((x.array * np.asarray(self.gain, x.array.dtype) + self.offset).astype(x.array.dtype))

    def before_export(self):
        pass


def good():
    return Affine()


ready = Affine(gain=5.0)


def liar():
    return Affine(written_gain=2.01)


class Crashing(Affine):
    def before_export(self):
        raise ValueError("this operator cannot be exported\nand much more about it")


class Leaving(Affine):
    def before_export(self):
        sys.stderr.write("segmentation fault, or near enough\n")
        sys.stderr.flush()
        os._exit(139)


class Hanging(Affine):
    def before_export(self):
        with open("pid", "w") as file:
            file.write(str(os.getpid()))
        time.sleep(600)


class Random(Affine):
    def forward(self, x):
        return torch.Tensor(np.random.standard_normal(x.array.shape).astype(x.array.dtype))


class Empty(Affine):
    def forward(self, x):
        return torch.Tensor(np.full_like(x.array, np.nan))


class Wide(Affine):
    """Takes one batch size only once it is exported."""

    def forward(self, x):
        return torch.Tensor(np.concatenate([super(Wide, self).forward(x).array] * 2))


not_a_network = 7
