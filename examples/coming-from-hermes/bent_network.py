"""The network of streaming-ensemble.ts: exports run in a process of their own, so it is imported by name."""

import torch


class Bent(torch.nn.Module):
    def forward(self, kernel):
        return torch.tanh(0.3 * kernel).sum(1)
