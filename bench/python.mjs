// Other people's programs that we are measured against are Python's, and need not be there.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

const candidates = [
  process.env.STRAINFLOW_PYTHON,
  fileURLToPath(new URL("../.cache/venv/bin/python", import.meta.url)),
  "python3",
];

/** A Python that has a module, or nothing: then the benchmark's line says that the peer is absent. */
export function pythonWith(module) {
  return candidates.find(
    (python) => python !== undefined && spawnSync(python, ["-c", `import ${module}`]).status === 0,
  );
}
