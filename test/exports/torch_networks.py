"""Networks as people train them, and some that cannot be exported as they are."""

import torch
from torch import nn


class Residual(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv1d(channels, channels, 7, padding=3, bias=False),
            nn.BatchNorm1d(channels),
            nn.ReLU(),
            nn.Conv1d(channels, channels, 7, padding=3, bias=False),
            nn.GroupNorm(4, channels),
        )

    def forward(self, x):
        return torch.relu(x + self.layers(x))


class Classifier(nn.Module):
    """[batch, 2, samples] → [batch, 1]: of any length, with dropout and batch norms that must be in inference mode."""

    def __init__(self):
        super().__init__()
        self.stem = nn.Conv1d(2, 16, 15, stride=4, padding=7)
        self.blocks = nn.Sequential(*(Residual(16) for _ in range(4)))
        self.dropout = nn.Dropout(0.5)
        self.head = nn.Linear(16, 1)

    def forward(self, x):
        return self.head(self.dropout(self.blocks(self.stem(x)).mean(-1)))


class Autoencoder(nn.Module):
    """Two inputs, a mapping of two outputs, recurrent."""

    def __init__(self):
        super().__init__()
        self.encode = nn.LSTM(3, 8, batch_first=True)
        self.decode = nn.Linear(8, 3)

    def forward(self, series, scale):
        hidden, _ = self.encode(series * scale[:, None, :])
        rebuilt = self.decode(hidden)
        return {"rebuilt": rebuilt, "error": (rebuilt - series).square().mean((1, 2))}


class Integers(nn.Module):
    def __init__(self):
        super().__init__()
        self.table = nn.Embedding(16, 4)

    def forward(self, index):
        return self.table(index).sum(1), index + 1


class Branching(nn.Module):
    """Takes a path that depends on its data: a trace keeps only the one it saw."""

    def forward(self, x):
        return x * 2 if x.shape[0] == 2 else x * 3


class FixedBatch(nn.Module):
    def forward(self, x):
        return x.reshape(2, -1)[:, :4] if x.shape[0] == 2 else x.reshape(x.shape[0], -1)[:, :4] + 1


class Noisy(nn.Module):
    def forward(self, x):
        return x + torch.randn_like(x)


def seeded(network):
    def make():
        torch.manual_seed(11)
        made = network()
        # As after some training: batch norms with statistics of their own.
        for module in made.modules():
            if isinstance(module, nn.BatchNorm1d):
                module.running_mean.normal_()
                module.running_var.uniform_(0.5, 2)
        return made

    return make


classifier = seeded(Classifier)
autoencoder = seeded(Autoencoder)
integers = seeded(Integers)


def write(folder):
    """The same classifier in every kind of file."""
    net = classifier().eval()
    example = torch.randn(2, 2, 512)
    torch.save(net, f"{folder}/whole.pt")
    torch.save(net.state_dict(), f"{folder}/weights.pt")
    torch.jit.save(torch.jit.script(net), f"{folder}/script.pt")
    dims = ({0: torch.export.Dim("batch")},)
    torch.export.save(torch.export.export(net, (example,), dynamic_shapes=dims), f"{folder}/program.pt2")

