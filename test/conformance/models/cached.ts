import { ensemble } from "./decoupled.ts";
import { constant, node, onnxTwin } from "./onnx-twin.ts";
import { io, ONE_INSTANCE, pythonModel, type TwinModel } from "./twin-model.ts";

const CACHED = "response_cache { enable: true }\n";
const PORTS = { x: ["FP32", [2]], y: ["FP32", [2]] } as const;

function scaled(name: string, by: number, more: string): TwinModel {
  return {
    name,
    config: `${io({ x: PORTS.x }, { y: PORTS.y })}${ONE_INSTANCE}${more}`,
    python: { code: pythonModel(`def answer(self, a):\n    return {'y': a['x'] * np.float32(${by})}`) },
    onnx: {
      graphs: {
        "1": onnxTwin({
          inputs: [["x", "FP32", [2]]],
          outputs: [["y", "FP32", [2]]],
          nodes: [constant("k", "FP32", by), node("Mul", ["x", "k"], "y")],
        }),
      },
    },
  };
}

function pair(name: string, more: string): TwinModel {
  const bare = ensemble(name, { x: PORTS.x }, { y: PORTS.y }, [
    ["kept", { x: "x" }, { y: "half" }],
    ["fresh", { x: "half" }, { y: "y" }],
  ]);
  return { ...bare, config: `${bare.config}${more}` };
}

/** One that is cached and one that is not, in ensembles of either kind. */
export const CACHED_TWINS: readonly TwinModel[] = [
  scaled("kept", 2, CACHED),
  scaled("fresh", 3, ""),
  pair("kept_within", ""),
  pair("kept_whole", CACHED),
];
