// An ensemble of two steps in a repository of its own: the repository's folder, an ONNX file.
import { addModel, createEnsemble, createRepository } from "@strainflow/repository";

const [folder = "", onnx = ""] = process.argv.slice(2);
const repository = await createRepository(folder);
// What they take and give stands in the file.
for (const name of ["first", "second"])
  await addModel(repository, { name, platform: "onnxruntime_onnx", source: onnx, instances: 2 });

const ensemble = createEnsemble(repository, { name: "both" });
const [first, second] = [await ensemble.step("first"), await ensemble.step("second")];
ensemble.addInput(first.input("x"));
ensemble.addOutput(second.output("y"));
// Names of what is between steps are found by themselves; shapes and types are checked.
ensemble.pipe(first.output("y"), second.input("x"));
await ensemble.write();
