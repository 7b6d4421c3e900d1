"""One export, whatever the framework."""

import platform

from .problem import Problem, need
from .tensors import compare, sample


def run(request):
    need("numpy", "numpy")
    if request["framework"] == "torch":
        from .torch_network import open_network
    elif request["framework"] == "keras":
        from .keras_network import open_network
    else:
        raise Problem("export-failed", f"there is no framework {request['framework']}")

    network = open_network(request)
    inputs, seed = request["inputs"], request["seed"]
    # More than one where the batch is free: an export that has one size burnt into it shows.
    free = all(spec["shape"][:1] == [-1] for spec in inputs)
    batches = [2, 1, 3] if free else [1]
    samples = [sample(inputs, batch, seed) for batch in batches]
    expected = [network.outputs(arrays) for arrays in samples]
    again = network.outputs(samples[0])
    names = network.output_names(request.get("outputs"), len(expected[0]))
    compare_with_itself(names, expected[0], again, request)

    exported = network.export(samples[0], names, expected)
    largest = 0.0
    for batch, arrays, want in zip(batches, samples, expected):
        try:
            found = exported.outputs(arrays)
        except Exception as error:
            raise Problem(
                "export-mismatch",
                f"what was exported does not run for a batch of {batch}, as the network itself does: "
                f"{last_line(error)}; "
                "give it a fixed batch, or leave sizes of one batch out of its code",
            ) from error
        largest = max(largest, compare(names, want, found, request["rtol"], request["atol"]))
    return {
        "inputs": exported.inputs,
        "outputs": exported.outputs_declared,
        "path": exported.path,
        "compared": {"requests": len(samples), "values": sum(a.size for e in expected for a in e), "largest": largest},
        "versions": {"python": platform.python_version(), **network.versions, **exported.versions},
    }


def compare_with_itself(names, first, second, request):
    """A network that draws random numbers, or learns while it runs, cannot be compared with its export."""
    try:
        compare(names, first, second, request["rtol"], request["atol"])
    except Problem as problem:
        raise Problem(
            "export-mismatch",
            f"the network itself does not give the same twice ({problem}); put it into its inference mode",
        ) from None


def last_line(error):
    lines = str(error).strip().splitlines()
    return lines[-1].strip() if lines else type(error).__name__
