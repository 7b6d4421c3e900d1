import { findImage } from "@strainflow/launch";
import { convertToTensorRt, openRepository } from "@strainflow/repository";
import { type Command, Option } from "commander";
import { flagValue } from "../flag-values.ts";
import { afterHelp } from "../help-style.ts";
import { type ImageFolderFlags, imageFolderOf } from "../image-folder.ts";
import { interruptible } from "../interrupt.ts";
import { createTerminal } from "../terminal.ts";

interface ConvertFlags extends ImageFolderFlags {
  readonly name?: string;
  readonly maxBatch?: number;
  readonly bestBatch?: number;
  readonly precision: "fp32" | "fp16" | "bf16";
  readonly workspace?: number;
  readonly device?: number;
  readonly trtexec: string;
  readonly docker?: string;
  readonly apptainer?: string;
  readonly hardwareCompatible?: boolean;
  readonly versionCompatible?: boolean;
  readonly replace?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

const EXAMPLE = `
Examples:
  $ strainflow model convert models classifier --max-batch 64 --precision fp16
  $ strainflow model convert models classifier --max-batch 64 --apptainer tritonserver.sif

A plan runs only on the TensorRT and the kind of GPU that built it: use the server's container, on the server's machine.
Both are written into the model's configuration.`;

/** `strainflow model convert` */
export function addModelConvert(model: Command): void {
  model
    .command("convert")
    .description("make a TensorRT plan of an ONNX model, with trtexec here or in a container")
    .argument("<repository>", "folder of a model repository")
    .argument("<model>", "an ONNX model of it")
    .option("--name <name>", "name of the plan's model (default: the model's and -tensorrt)")
    .option("--max-batch <n>", "largest batch, where it is free", flagValue.whole(1))
    .option(
      "--best-batch <n>",
      "batch that it is to be fastest for (default: the largest)",
      flagValue.whole(1),
    )
    .addOption(
      new Option("--precision <name>", "fp16 and bf16 where they are faster")
        .choices(["fp32", "fp16", "bf16"])
        .default("fp32"),
    )
    .option("--workspace <MiB>", "memory that TensorRT may use to build it", flagValue.whole(1))
    .option("--device <n>", "index of the GPU", flagValue.whole(0))
    .option("--trtexec <path>", "the program", "trtexec")
    .addOption(new Option("--docker <image>", "run it in a container of Docker").conflicts("apptainer"))
    .option(
      "--apptainer <image>",
      "run it in a container of Apptainer: a path, a registry's name, or a name in --image-folder",
    )
    .option(
      "--image-folder <folder>",
      "apptainer: where images lie (default: imageFolder of the settings, then STRAINFLOW_IMAGES)",
    )
    .option(
      "-c, --config <file>",
      "settings, of which imageFolder is taken (default: strainflow.config.* here, if any)",
    )
    .option("--hardware-compatible", "for every GPU from Ampere on, slower")
    .option("--version-compatible", "for later TensorRT of the same major version too, slower")
    .option("--replace", "write over a model that is there")
    .option("--verbose", "show what trtexec says")
    .option("--json", "the result as one JSON object on stdout")
    .addHelpText("after", afterHelp(EXAMPLE))
    .action(convert);
}

async function convert(repository: string, model: string, flags: ConvertFlags): Promise<void> {
  const terminal = createTerminal({ json: flags.json === true });
  const { name, maxBatch, bestBatch, workspace, device, docker } = flags;
  const image = docker ?? (await apptainerImage(flags));
  const engine = docker === undefined ? "apptainer" : "docker";
  const opened = await openRepository(repository);
  const plan = await interruptible(
    (signal) =>
      convertToTensorRt({
        repository: opened,
        model,
        precision: flags.precision,
        hardwareCompatible: flags.hardwareCompatible === true,
        versionCompatible: flags.versionCompatible === true,
        replace: flags.replace === true,
        trtexec: image === undefined ? flags.trtexec : { engine, image },
        signal,
        onOutput: (text) => {
          if (flags.verbose === true) process.stderr.write(text);
          else terminal.progress(`  trtexec     ${text.trim().split("\n").at(-1) ?? ""}`);
        },
        ...(name === undefined ? {} : { name }),
        ...(maxBatch === undefined
          ? {}
          : { batch: { max: maxBatch, ...(bestBatch === undefined ? {} : { opt: bestBatch }) } }),
        ...(workspace === undefined ? {} : { workspaceSize: workspace }),
        ...(device === undefined ? {} : { device }),
      }),
    (text) => terminal.warn(text),
    "stopping: the repository stays as it was (press Ctrl-C again to end at once)",
  );
  const { tensorrtVersion, computeCapability, gpu } = plan;
  terminal.say("converted", `${model} to ${plan.name} in ${repository}`);
  terminal.say(
    "built by",
    `TensorRT ${tensorrtVersion} on ${gpu || "a GPU"} of compute capability ${computeCapability}`,
  );
  terminal.record({ type: "converted", model, name: plan.name, tensorrtVersion, computeCapability, gpu });
}

/** The image, found as `strainflow serve --runtime apptainer` finds it. @throws `launch-no-image` */
async function apptainerImage(flags: ConvertFlags): Promise<string | undefined> {
  if (flags.apptainer === undefined) return undefined;
  return findImage(flags.apptainer, (await imageFolderOf(flags)) ?? process.env["STRAINFLOW_IMAGES"]);
}
