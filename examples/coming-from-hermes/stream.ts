// A stream through a stateful ensemble, with a promise for each answer, and how long it took: address, model.
import { connect, type InferResult } from "@strainflow/triton";

const [address = "", name = ""] = process.argv.slice(2);
const UPDATES = 12;
const SEQUENCE = 1002n;

await using client = await connect(address);
const model = await client.servedModel(name);
// It starts the sequence, and ends it when it is closed, also after an error; in place of a number of one's own,
// `sequence: true` takes a random one, which no other client has.
await using session = model.openSession({ sequence: SEQUENCE });
const pending: Promise<InferResult>[] = [];
for (let i = 0; i < UPDATES; i++) {
  const update = Float32Array.from({ length: 2 * 32 }, (_, j) => j + i);
  pending.push(session.infer({ stream: update }, { id: String(i), end: i === UPDATES - 1 }));
}
const answers = (await Promise.all(pending)).map(({ id, outputs: { y } }) => {
  const last = (row: number, channel: number): number => Number(y?.data[(row * 2 + channel) * 16 + 15]);
  return [Number(id), Number(SEQUENCE) - 1, [0, 1, 2, 3].map((row) => [last(row, 0), last(row, 1)])];
});
console.log(JSON.stringify({ answers, timed: model.latency(SEQUENCE)?.count }));
