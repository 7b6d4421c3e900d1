import type { EnsembleStep, Port } from "./ensemble-ports.ts";

/** A step of an ensemble, and the version of its model; −1: the latest. */
export interface Use {
  readonly step: EnsembleStep;
  readonly version: number;
}

/** Steps as data goes through them; those that wait for each other are left out. */
export function inOrder(
  uses: readonly Use[],
  inputs: ReadonlyMap<string, Port>,
  tensors: ReadonlyMap<Port, string>,
): readonly Use[] {
  const there = new Set(inputs.keys());
  const ordered: Use[] = [];
  const isAble = ({ step }: Use): boolean =>
    step.inputs.every((port) => {
      const tensor = tensors.get(port);
      return tensor === undefined || there.has(tensor);
    });
  for (let before = -1; before < ordered.length; ) {
    before = ordered.length;
    for (const use of uses) {
      if (ordered.includes(use) || !isAble(use)) continue;
      ordered.push(use);
      for (const port of use.step.outputs) there.add(tensors.get(port) ?? "");
    }
  }
  return ordered;
}
