// Single requests to a model without state: address, model.
import { connect } from "@strainflow/triton";

const [address = "", name = ""] = process.argv.slice(2);
await using client = await connect(address);
const model = await client.servedModel(name);
const answers = await Promise.all(
  [0, 1, 2, 3, 4].map(async (i) => {
    // The batch follows from the data.
    const { outputs } = await model.infer({ inputs: { kernel: new Float32Array(4 * 2 * 16).fill(i) } });
    const y = outputs.y?.data ?? [];
    return [0, 1, 2, 3].map((row) => Number(y[row * 2 * 16]));
  }),
);
console.log(JSON.stringify(answers));
