// A Torch network behind a stream, its outputs averaged into one: the repository's folder, a Python that has Torch.
import { createEnsemble, createRepository, exportNetwork } from "@strainflow/repository";

const [folder = "", python = ""] = process.argv.slice(2);
const repository = await createRepository(folder);
await exportNetwork({
  repository,
  framework: "torch",
  name: "bent",
  network: "bent_network:Bent",
  cwd: "examples/coming-from-hermes",
  inputs: [{ name: "kernel", shape: [4, 2, 24] }],
  outputs: ["y"],
  python,
});

const ensemble = createEnsemble(repository, {
  name: "search",
  // Clients learn from it how to cut their stream, and how far back an output reaches.
  stream: { sampleRate: 2048, channels: ["H1", "L1"] },
});
const network = await ensemble.step("bent");
ensemble.addStreamingInputs({ into: network.input("kernel"), strideSize: 8 });
ensemble.addStreamingOutput(network.output("y"), { updateSize: 8, numUpdates: 2 });
await ensemble.write();
