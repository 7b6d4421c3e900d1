import { invalidOption, type TensorSpec } from "@strainflow/series";
import { positive } from "../model-config.ts";

/** Where `trtexec` runs: a path, or a container, which is to have the TensorRT that will serve. */
export type Trtexec =
  | string
  | {
      readonly engine: "docker" | "apptainer";
      /** Of Triton or TensorRT: `nvcr.io/nvidia/tritonserver:25.01-py3`, a path of an image. */
      readonly image: string;
      /** In the container. Default `/usr/src/tensorrt/bin/trtexec`, as in NVIDIA's images. */
      readonly path?: string;
      /** The engine's own command. Default: its name. */
      readonly command?: string;
    };

/** Sizes between which a plan works, and for which it is fastest. */
export interface ShapeRange {
  readonly min: readonly number[];
  readonly opt: readonly number[];
  readonly max: readonly number[];
}

export interface PlanOptions {
  /** Sizes of a free batch: works from `min` (default 1) to `max`, and is fastest at `opt` (default `max`). */
  readonly batch?: { readonly min?: number; readonly opt?: number; readonly max: number };
  /** Whole shapes of an input that has other free sizes, by its name. */
  readonly shapes?: Readonly<Record<string, ShapeRange>>;
  /** Default `fp32`; the others let TensorRT choose them where it is faster. */
  readonly precision?: "fp32" | "fp16" | "bf16";
  /** MiB that TensorRT may use while it builds. Default: its own, all of the GPU's. */
  readonly workspaceSize?: number;
  /** Index of the GPU. Default 0. The plan fits only GPUs like it, unless {@link hardwareCompatible}. */
  readonly device?: number;
  /** For every GPU from Ampere on, slower. */
  readonly hardwareCompatible?: boolean;
  /** For later TensorRT of the same major version too, slower. */
  readonly versionCompatible?: boolean;
  /** Other arguments of `trtexec`. */
  readonly trtexecArgs?: readonly string[];
}

/** Shapes for every input that has free sizes. @throws `invalid-option` where they do not follow from the options */
export function shapeRanges(
  where: string,
  inputs: readonly TensorSpec[],
  { batch, shapes = {} }: PlanOptions,
): ReadonlyMap<string, ShapeRange> {
  const unknown = Object.keys(shapes).find((name) => !inputs.some((input) => input.name === name));
  if (unknown !== undefined)
    throw invalidOption(where, "shapes", unknown, `of inputs: ${inputs.map(({ name }) => name).join(", ")}`);
  const ranges = new Map<string, ShapeRange>();
  for (const { name, shape } of inputs) {
    const given = shapes[name];
    if (given !== undefined) ranges.set(name, checkRange(where, name, shape, given));
    else if (shape.includes(-1)) {
      if (shape.lastIndexOf(-1) > 0)
        throw invalidOption(
          where,
          "shapes",
          "left out",
          `given for ${name} [${shape.join(", ")}], which has free sizes`,
        );
      if (batch === undefined)
        throw invalidOption(where, "batch", "left out", `given: ${name} is [${shape.join(", ")}]`);
      const { min = 1, max, opt = max } = batch;
      const of = (size: number): readonly number[] => [positive(where, "batch", size), ...shape.slice(1)];
      ranges.set(name, checkRange(where, name, shape, { min: of(min), opt: of(opt), max: of(max) }));
    }
  }
  return ranges;
}

function checkRange(where: string, name: string, shape: readonly number[], range: ShapeRange): ShapeRange {
  const { min, opt, max } = range;
  const fits = shape.every((size, axis) => {
    const [least = 0, best = 0, most = 0] = [min[axis], opt[axis], max[axis]];
    const whole = [least, best, most].every((one) => Number.isSafeInteger(one) && one >= 1);
    return whole && least <= best && best <= most && (size === -1 || (least === size && most === size));
  });
  if (fits && [min, opt, max].every((one) => one.length === shape.length)) return range;
  throw invalidOption(
    where,
    "shapes",
    `${name}: ${[min, opt, max].map((one) => one.join("x")).join(" ≤ ")}`,
    `of min ≤ opt ≤ max, and fit [${shape.join(", ")}]`,
  );
}

/** The command that builds a plan: `model.onnx` of a folder → `model.plan` there. */
export function trtexecCommand(
  trtexec: Trtexec,
  folder: string,
  ranges: ReadonlyMap<string, ShapeRange>,
  options: PlanOptions,
  container: string,
): { readonly command: string; readonly args: readonly string[] } {
  const { precision = "fp32", workspaceSize, device = 0, trtexecArgs = [] } = options;
  const inside = typeof trtexec === "string" ? folder : "/work";
  const shapes = (which: keyof ShapeRange): string =>
    // Quoted, since a name may have a colon of its own.
    [...ranges].map(([name, range]) => `'${name}':${range[which].join("x")}`).join(",");
  const isDocker = typeof trtexec !== "string" && trtexec.engine === "docker";
  const args = [
    `--onnx=${inside}/model.onnx`,
    `--saveEngine=${inside}/model.plan`,
    ...(ranges.size === 0
      ? []
      : [`--minShapes=${shapes("min")}`, `--optShapes=${shapes("opt")}`, `--maxShapes=${shapes("max")}`]),
    ...(precision === "fp32" ? [] : [`--${precision}`]),
    ...(workspaceSize === undefined ? [] : [`--memPoolSize=workspace:${workspaceSize}`]),
    // Docker is given this GPU alone, which is then the first.
    `--device=${isDocker ? 0 : device}`,
    ...(options.hardwareCompatible === true ? ["--hardwareCompatibilityLevel=ampere+"] : []),
    ...(options.versionCompatible === true ? ["--versionCompatible"] : []),
    "--skipInference",
    ...trtexecArgs,
  ];
  if (typeof trtexec === "string") return { command: trtexec, args };
  const { engine, image, command = engine, path = "/usr/src/tensorrt/bin/trtexec" } = trtexec;
  return engine === "docker"
    ? {
        command,
        args: [
          ...["run", "--rm", "--name", container, "--gpus", `device=${device}`],
          ...["--user", `${process.getuid?.() ?? 0}:${process.getgid?.() ?? 0}`],
          ...["--volume", `${folder}:/work`, image, path, ...args],
        ],
      }
    : { command, args: ["exec", "--nv", "--bind", `${folder}:/work`, image, path, ...args] };
}
