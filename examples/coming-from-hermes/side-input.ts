// An ensemble with a stream and a plain input beside it: address, model.
import { connect } from "@strainflow/triton";

const [address = "", name = ""] = process.argv.slice(2);
await using client = await connect(address);
const model = await client.servedModel(name);
await using session = model.openSession({ sequence: true });
const answers: number[][][] = [];
for (let i = 0; i < 3; i++) {
  const { outputs } = await session.infer({
    stream: new Float32Array(2 * 32).fill(i),
    shift: Float32Array.of(0, 1, 2, 3),
  });
  const y = Array.from(outputs.z?.data ?? [], Number);
  answers.push([0, 1, 2, 3].map((row) => y.slice(row * 32, row * 32 + 16)));
}
console.log(JSON.stringify(answers));
