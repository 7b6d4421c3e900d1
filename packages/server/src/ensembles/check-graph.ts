import type { ModelConfig, ModelEnsembling_Step as Step } from "@strainflow/proto";

interface Node {
  readonly name: string;
  /** A step makes it. */
  made: boolean;
  ready: boolean;
  readonly before: Node[];
  readonly after: Node[];
}

type Fail = (why: string) => Error;

/**
 * Checks an ensemble by its configuration alone, in Triton's order and words: that it says nothing of how it runs, since
 * it runs nothing itself, and that its tensors come from somewhere and go somewhere. Of other models nothing is checked.
 *
 * @throws what `fail` makes of the reason
 */
export function checkGraph(config: ModelConfig, fail: Fail): void {
  const { name, schedulingChoice, instanceGroup, optimization, modelWarmup } = config;
  if (schedulingChoice.case !== "ensembleScheduling") return;
  const steps = schedulingChoice.value.step;
  if (instanceGroup.length > 0) throw fail(`instance group should not be specified for ensemble '${name}'`);
  if (optimization !== undefined) throw fail(`optimization should not be specified for ensemble '${name}'`);
  if (modelWarmup.length > 0) throw fail(`model_warmup can not be specified for ensemble '${name}'`);
  if (steps.length === 0) throw fail(`must specify 'step' for ensemble '${name}'`);
  const nodes = graphOf(name, steps, fail);
  for (const input of config.input) {
    const node = nodes.get(input.name);
    // With one quote too many, as in Triton.
    if (node === undefined) throw fail(`ensemble input '${input.name}' for ensemble ${name}' is not used`);
    node.ready = true;
  }
  spread([...nodes.values()].filter(({ ready }) => ready));
  for (const output of config.output) {
    const node = nodes.get(output.name);
    if (node === undefined) throw fail(`ensemble output '${output.name}' for ensemble ${name}' is not used`);
    if (!node.ready)
      throw fail(`output '${output.name}' for ensemble '${name}' is not written${source(node)}`);
  }
  const outputs = new Set(config.output.map((output) => output.name));
  for (const node of nodes.values())
    if (!outputs.has(node.name) && (!node.ready || node.after.length === 0))
      throw fail(`ensemble tensor '${node.name}' is unused in ensemble '${name}'`);
}

function graphOf(name: string, steps: readonly Step[], fail: Fail): ReadonlyMap<string, Node> {
  const nodes = new Map<string, Node>();
  const nodeOf = (tensor: string): Node => {
    const node = nodes.get(tensor) ?? { name: tensor, made: false, ready: false, before: [], after: [] };
    nodes.set(tensor, node);
    return node;
  };
  for (const [at, { modelName, inputMap, outputMap }] of steps.entries()) {
    const given = [
      ["model_name", modelName !== ""],
      ["input_map", Object.keys(inputMap).length > 0],
      ["output_map", Object.keys(outputMap).length > 0],
    ] as const;
    for (const [field, isGiven] of given)
      if (!isGiven) throw fail(`must specify '${field}' in step ${at} of ensemble '${name}'`);
    const made = Object.values(outputMap).map((tensor) => {
      const node = nodeOf(tensor);
      if (node.made)
        throw fail(
          `ensemble tensor '${tensor}' can appear in an output map only once for ensemble '${name}' step ${at}`,
        );
      node.made = true;
      return node;
    });
    for (const tensor of Object.values(inputMap)) {
      const node = nodeOf(tensor);
      for (const one of made) {
        one.before.push(node);
        node.after.push(one);
      }
    }
  }
  return nodes;
}

/** What is made of what is ready is ready. */
function spread(queue: Node[]): void {
  for (let node = queue.shift(); node !== undefined; node = queue.shift())
    for (const next of node.after) {
      if (next.ready || !next.before.every(({ ready }) => ready)) continue;
      next.ready = true;
      queue.push(next);
    }
}

/** Says how far back a tensor that is not ready hangs on others. */
function source(node: Node): string {
  const seen = new Set<Node>();
  let last = node;
  for (let next: Node | undefined = node; next !== undefined; ) {
    const from: Node | undefined = next.before.find((one) => !one.ready && !seen.has(one));
    if (from !== undefined) {
      seen.add(from);
      last = from;
    }
    next = from;
  }
  return last === node ? "" : `: at least one of its depending tensors, '${last.name}', is not connected`;
}
