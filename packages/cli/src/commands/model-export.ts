import { basename, extname } from "node:path";
import { type ExportFormat, type ExportFramework, exportNetwork, parseInputs } from "@strainflow/repository";
import { StrainflowError } from "@strainflow/series";
import { type Command, Option } from "commander";
import { flagValue } from "../flag-values.ts";
import { afterHelp } from "../help-style.ts";
import { interruptible } from "../interrupt.ts";
import { withRepository } from "../repository-of.ts";
import { addStoreFlags, type StoreFlags } from "../store-flags.ts";
import { createTerminal } from "../terminal.ts";

interface ExportFlags extends StoreFlags {
  readonly inputs: string;
  readonly to: string;
  readonly framework?: ExportFramework;
  readonly format: ExportFormat;
  readonly name?: string;
  readonly outputs?: string[];
  readonly weights?: string;
  readonly maxBatchSize?: number;
  readonly opset?: number;
  readonly seed?: number;
  readonly python?: string;
  readonly trustPickle?: boolean;
  readonly replace?: boolean;
  readonly newVersion?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow model export training.model:load_best --framework torch --inputs "strain[-1,2,2048]" --to models
  $ strainflow model export classifier.keras --inputs "strain:FP32[-1,2048,2]" --format savedmodel --to models

It runs in your own Python environment, the active one or that of --python, and compares what comes out with the
network itself on seeded noise before anything is published. A network is named as module:callable, looked for from the
current folder on, or is a file: TorchScript .pt, exported program .pt2, .keras, .h5. In shapes, -1 is any size, the
first the batch; -1@4096 is any size, tried with 4096.`;

/** `strainflow model export` */
export function addModelExport(model: Command): void {
  const command = model
    .command("export")
    .description("export a trained network of Torch or Keras, compare it, and add it to a repository")
    .argument("<network>", "module:callable, or a file")
    .requiredOption("--inputs <tensors>", "what it takes: name:FP32[-1,2,2048], by commas")
    .option("--to <repository>", "a folder, s3://bucket/prefix, gs://bucket/prefix", "models")
    .addOption(new Option("--framework <name>", "default: by the file's name").choices(["torch", "keras"]))
    .addOption(
      new Option("--format <name>", "what it becomes; torchscript of Torch, savedmodel of Keras")
        .choices(["onnx", "torchscript", "savedmodel"])
        .default("onnx"),
    )
    .option("--name <name>", "name of the model (default: the file's, or the callable's)")
    .option("--outputs <names>", "names of its outputs, by commas", flagValue.list)
    .option("--weights <file>", "weights for what module:callable makes")
    .option("--max-batch-size <n>", "let the server batch, up to so many", flagValue.whole(1))
    .option("--opset <n>", "version of ONNX's operators (default: the framework's)", flagValue.whole(1))
    .option("--seed <n>", "of the noise that outputs are compared for", flagValue.whole(0))
    .option("--python <path>", "the Python that has the framework (default: python3)")
    .option("--trust-pickle", "load a pickle of a whole network, which runs what code is in it")
    .option("--replace", "write over a model that is there")
    .option("--new-version", "add a version to a model that is there")
    .option("--verbose", "show what the framework says")
    .option("--json", "the result as one JSON object on stdout");
  addStoreFlags(command).addHelpText("after", afterHelp(EXAMPLE)).action(exportModel);
}

async function exportModel(network: string, flags: ExportFlags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true });
  const framework = flags.framework ?? frameworkOf(network);
  if (flags.replace === true && flags.newVersion === true)
    throw new StrainflowError("usage", "--replace and --new-version exclude each other");
  const name = flags.name ?? nameOf(network);
  const inputs = parseInputs(flags.inputs);
  const { outputs, weights, maxBatchSize, opset, seed, python } = flags;
  const { version, platform, config, compared, versions } = await withRepository(
    flags.to,
    flags,
    (repository) =>
      interruptible(
        (signal) =>
          exportNetwork({
            repository,
            name,
            framework,
            network,
            inputs,
            format: flags.format,
            trustPickle: flags.trustPickle === true,
            publish: flags.replace === true ? "replace" : flags.newVersion === true ? "version" : "new",
            signal,
            onOutput: (text) => {
              if (flags.verbose === true) process.stderr.write(text);
              else terminal.progress(`  ${framework.padEnd(10)}  ${text.trim().split("\n").at(-1) ?? ""}`);
            },
            ...(outputs === undefined ? {} : { outputs }),
            ...(weights === undefined ? {} : { weights }),
            ...(maxBatchSize === undefined ? {} : { maxBatchSize }),
            ...(opset === undefined ? {} : { opset }),
            ...(seed === undefined ? {} : { seed }),
            ...(python === undefined ? {} : { python }),
          }),
        (text) => terminal.warn(text),
        "stopping: the repository stays as it was (press Ctrl-C again to end at once)",
      ),
  );
  const tensors = (list: readonly { readonly name: string; readonly dims: readonly bigint[] }[]): string =>
    list
      .map(
        (tensor) => `${tensor.name} [${tensor.dims.map((size) => (size === -1n ? "any" : size)).join(", ")}]`,
      )
      .join(", ");
  terminal.say("exported", `${name} version ${version}, ${platform}, to ${flags.to}`);
  terminal.say("takes", tensors(config.input));
  terminal.say("gives", tensors(config.output));
  terminal.say(
    "compared",
    `${compared.requests} requests, ${compared.values} values: at most ${compared.largest.toExponential(1)} apart`,
  );
  terminal.say(
    "with",
    Object.entries(versions)
      .map((entry) => entry.join(" "))
      .join(", "),
  );
  terminal.record({ type: "exported", name, version, platform, repository: flags.to, compared, versions });
}

function frameworkOf(network: string): ExportFramework {
  const extension = extname(network);
  if ([".keras", ".h5", ".hdf5"].includes(extension)) return "keras";
  if ([".pt", ".pt2", ".pth", ".ts"].includes(extension)) return "torch";
  throw new StrainflowError("usage", `say with --framework whether ${network} is of torch or of keras`);
}

function nameOf(network: string): string {
  const callable = /^[\w.]+:(?:[\w]+\.)*(\w+)$/.exec(network)?.[1];
  return callable ?? basename(network, extname(network));
}
