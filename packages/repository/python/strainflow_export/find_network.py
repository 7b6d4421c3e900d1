"""A network of the user's, named as module:callable."""

import importlib

from .problem import Problem


def find_named(name, is_network):
    """Imports `module:attribute`; calls it where it is not a network itself."""
    module_name, _, path = name.partition(":")
    try:
        found = importlib.import_module(module_name)
    except ImportError as error:
        if getattr(error, "name", None) != module_name:
            raise
        raise Problem(
            "export-failed",
            f"there is no module {module_name} on the Python path, which begins with the current folder",
        ) from error
    for part in path.split("."):
        if not hasattr(found, part):
            raise Problem("export-failed", f"{module_name} has no {path}")
        found = getattr(found, part)
    if is_network(found):
        return found
    if not callable(found):
        raise Problem("export-failed", f"{name} is neither a network nor something that makes one")
    made = found()
    if not is_network(made):
        raise Problem("export-failed", f"{name}() gives a {type(made).__name__}, which is no network")
    return made
