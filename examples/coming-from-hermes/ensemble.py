"""An ensemble of two steps in a repository of its own: the repository's folder, an ONNX file."""

import shutil
import sys
from pathlib import Path

from hermes.quiver import ModelRepository, Platform

folder, onnx = sys.argv[1:]
repository = ModelRepository(folder)
steps = []
for name in ("first", "second"):
    model = repository.add(name, Platform.ONNX)
    # export_version would tell them from a Torch network; of an ONNX file hermes takes none.
    model.config.add_input("x", (4, 3))
    model.config.add_output("y", (4, 3))
    model.config.add_instance_group(kind="cpu", count=2)
    model.config.write()
    version = Path(folder) / name / "1"
    version.mkdir()
    shutil.copy(onnx, version / "model.onnx")
    steps.append(model)
first, second = steps

ensemble = repository.add("both", Platform.ENSEMBLE)
ensemble.add_input(first.inputs["x"])
ensemble.pipe(first.outputs["y"], second.inputs["x"], key="between")
ensemble.add_output(second.outputs["y"])
ensemble.export_version(None)
