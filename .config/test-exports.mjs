// `npm run test:exports`: exports with the real frameworks, too large for `npm test`, which has a stand-in. Makes an
// environment for each (Torch's has all of CUDA in it: 5 GB), then exports, through the command, networks that can be and
// networks that cannot. Prints the table of packages/repository/README.md.
import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const networks = join(root, "test", "exports");
const ENVIRONMENTS = {
  torch: ["torch", "onnx", "onnxscript", "onnxruntime", "numpy"],
  keras: ["keras", "tensorflow-cpu", "tf2onnx", "onnx", "onnxruntime"],
};

function fail(message) {
  process.stderr.write(`✗ ${message}\n`);
  process.exit(1);
}

/** The Python of a framework's environment, which is made if it is not there. */
function pythonOf(framework) {
  const folder = join(root, ".cache", "exports", framework);
  const python = join(folder, "bin", "python");
  const stamp = join(folder, "packages.txt");
  const wanted = ENVIRONMENTS[framework].join("\n");
  if (existsSync(stamp) && readFileSync(stamp, "utf8") === wanted) return python;
  mkdirSync(dirname(folder), { recursive: true });
  process.stderr.write(`  set-up      ${ENVIRONMENTS[framework].join(", ")} …\n`);
  for (const args of [
    ["python3", "-m", "venv", folder],
    [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", ...ENVIRONMENTS[framework]],
  ]) {
    const { status, stderr } = spawnSync(args[0], args.slice(1), { encoding: "utf8" });
    if (status !== 0) fail(`${framework}: ${args.join(" ")} ended with ${status}: ${stderr}`);
  }
  writeFileSync(stamp, wanted);
  return python;
}

const STRAIN = "strain[-1,2,512]";
const PAIR = "series[-1,64,3],scale[-1,3]";
/** [framework, network, flags, what is to come of it: nothing, or words of the refusal] */
const CASES = [
  ["torch", "torch_networks:classifier", ["--inputs", STRAIN]],
  ["torch", "torch_networks:classifier", ["--inputs", "strain[-1,2,-1@512]"]],
  [
    "torch",
    "torch_networks:classifier",
    ["--inputs", STRAIN, "--format", "torchscript", "--max-batch-size", "8"],
  ],
  ["torch", "torch_networks:Classifier", ["--inputs", STRAIN, "--weights", "weights.pt"]],
  ["torch", "torch_networks:autoencoder", ["--inputs", PAIR]],
  ["torch", "torch_networks:autoencoder", ["--inputs", PAIR, "--format", "torchscript"]],
  ["torch", "torch_networks:integers", ["--inputs", "index:INT64[-1,5]"]],
  ["torch", "script.pt", ["--inputs", STRAIN]],
  ["torch", "script.pt", ["--inputs", STRAIN, "--format", "torchscript"]],
  ["torch", "program.pt2", ["--inputs", STRAIN]],
  ["torch", "whole.pt", ["--inputs", STRAIN, "--trust-pickle"]],
  ["torch", "whole.pt", ["--inputs", STRAIN], "--trust-pickle"],
  ["torch", "weights.pt", ["--inputs", STRAIN], "holds weights"],
  ["torch", "torch_networks:Branching", ["--inputs", STRAIN, "--format", "torchscript"], "differs in"],
  [
    "torch",
    "torch_networks:FixedBatch",
    ["--inputs", STRAIN, "--format", "torchscript"],
    "does not run for a batch|differs|once exported",
  ],
  ["torch", "torch_networks:Noisy", ["--inputs", STRAIN], "does not give the same twice"],
  ["torch", "torch_networks:classifier", ["--inputs", "strain[-1,3,512]"], "export-failed"],
  [
    "keras",
    "classifier.keras",
    ["--inputs", "strain[-1,512,2]", "--format", "savedmodel", "--max-batch-size", "8"],
  ],
  ["keras", "classifier.keras", ["--inputs", "strain[-1,-1@512,2]"]],
  ["keras", "classifier.h5", ["--inputs", "strain[-1,512,2]"]],
  [
    "keras",
    "keras_networks:classifier",
    ["--inputs", "strain[-1,512,2]", "--weights", "classifier.weights.h5"],
  ],
  ["keras", "keras_networks:two_ways", ["--inputs", PAIR, "--format", "savedmodel"]],
  ["keras", "keras_networks:two_ways", ["--inputs", PAIR]],
  ["keras", "keras_networks:Noisy", ["--inputs", "x[-1,4]"], "does not give the same twice"],
  ["keras", "no-such-file.keras", ["--inputs", "x[-1,4]"], "export-failed"],
];

const pythons = Object.fromEntries(Object.keys(ENVIRONMENTS).map((name) => [name, pythonOf(name)]));
const folder = mkdtempSync(join(tmpdir(), "strainflow-test-exports-"));
const models = join(folder, "models");
let failed = 0;
const rows = [];
const versions = {};
try {
  for (const [framework, python] of Object.entries(pythons)) {
    // Imported, not run: a pickle names the module of its classes.
    const code = `import sys, ${framework}_networks; ${framework}_networks.write(sys.argv[1])`;
    const { status, stderr } = spawnSync(python, ["-B", "-c", code, folder], {
      encoding: "utf8",
      env: { ...process.env, PYTHONPATH: networks, CUDA_VISIBLE_DEVICES: "" },
    });
    if (status !== 0) fail(`${framework}: the networks cannot be made: ${stderr}`);
  }
  for (const [i, [framework, network, flags, refusal]] of CASES.entries()) {
    const name = `${framework}-${i}`;
    const before = existsSync(models) ? readdirSync(models, { recursive: true }).sort().join() : "";
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [
        join(root, "packages/cli/bin/strainflow.js"),
        ...["model", "export", network, "--framework", framework, "--python", pythons[framework]],
        ...["--to", models, "--json", ...flags, "--name", name],
      ],
      {
        cwd: folder,
        encoding: "utf8",
        env: { ...process.env, PYTHONPATH: networks, CUDA_VISIBLE_DEVICES: "" },
      },
    );
    const exported = stdout
      .split("\n")
      .filter((line) => line.startsWith("{"))
      .map((line) => JSON.parse(line))[0];
    const after = existsSync(models) ? readdirSync(models, { recursive: true }).sort().join() : "";
    const good =
      refusal === undefined
        ? status === 0 && exported !== undefined
        : status !== 0 && new RegExp(refusal).test(stderr) && after === before;
    if (!good) failed++;
    Object.assign(versions, exported?.versions);
    const format = flags[flags.indexOf("--format") + 1];
    rows.push(
      `| ${framework} | \`${network}\` ${flags[1]} | ${flags.includes("--format") ? format : "onnx"} | ${
        exported === undefined
          ? `refused: ${/✗ [^:]*: (.*)/.exec(stderr)?.[1]?.slice(0, 90) ?? stderr.slice(-200)}`.replaceAll(
              `${folder}/`,
              "",
            )
          : `${exported.compared.values} values of ${exported.compared.requests} requests, at most ${exported.compared.largest.toExponential(1)} apart`
      } |`,
    );
    process.stderr.write(`${good ? "✓" : "✗"} ${rows.at(-1)}\n`);
    if (!good) process.stderr.write(`${stdout}${stderr}\n`);
  }
} finally {
  rmSync(folder, { recursive: true, force: true });
}
process.stdout.write(
  `\n${Object.entries(versions)
    .map((entry) => entry.join(" "))
    .join(
      ", ",
    )}\n\n| framework | network and inputs | to | outcome |\n|---|---|---|---|\n${rows.join("\n")}\n\n${CASES.length - failed} passed, ${failed} failed\n`,
);
process.exitCode = failed > 0 ? 1 : 0;
