"""Exports a trained network for a model server, and compares what came out with the network itself.

Run by strainflow in the user's own environment: ``python export_network.py REQUEST RESULT``, both JSON files. Nothing
is read from or written to the standard streams, which belong to the network's own code.
"""

import json
import sys
import traceback

from strainflow_export.problem import Problem
from strainflow_export.run import run


def main(request_path, result_path):
    # The network's modules are looked for where the user stands, not here.
    sys.path[0] = ""
    with open(request_path, encoding="utf-8") as file:
        request = json.load(file)
    try:
        result = {"ok": True, **run(request)}
    except Problem as problem:
        result = {"ok": False, "tag": problem.tag, "message": str(problem)}
    except Exception as error:  # What a framework or a network raises is for people to read.
        lines = str(error).strip().splitlines() or [""]
        result = {
            "ok": False,
            "tag": "export-failed",
            "message": f"{type(error).__name__}: {lines[0]}",
            "trace": traceback.format_exc()[-4000:],
        }
    with open(result_path, "w", encoding="utf-8") as file:
        json.dump(result, file)


if __name__ == "__main__":
    main(*sys.argv[1:3])
