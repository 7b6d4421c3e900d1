"""What the user can do something about."""

import importlib
import sys


class Problem(Exception):
    """A failure with a tag that strainflow knows, and words for people."""

    def __init__(self, tag, message):
        super().__init__(message)
        self.tag = tag


def need(module, install):
    """Imports a module of the user's environment, or says which command brings it there."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        missing = getattr(error, "name", None) or module
        if missing.partition(".")[0] != module.partition(".")[0]:
            raise Problem(
                "export-unavailable",
                f"{module} is in {sys.executable}, but cannot be imported ({error})",
            ) from error
        raise Problem(
            "export-unavailable",
            f"{module} is not in this Python environment; install it with: {sys.executable} -m pip install {install}",
        ) from error
