from .nn import Module


class ScriptModule(Module):
    pass


def load(path, map_location=None):
    raise RuntimeError(f"{path} is not TorchScript")
