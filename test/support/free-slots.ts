import { elementCount, zeroElements } from "@strainflow/series";
import { connect } from "@strainflow/triton";

/** Milliseconds that a sequence may wait for its slot: far longer than an answer takes, and far less than idle times. */
const LIMIT_MS = 15_000;

/**
 * Opens as many sequences as a model has slots, all at once, and ends them: where a slot is still held, one waits.
 *
 * @throws `deadline-exceeded`
 */
export async function expectFreeSlots(address: string, name: string, slots: number): Promise<void> {
  await using client = await connect(address);
  const model = await client.model(name);
  const inputs = Object.fromEntries(
    model.inputs.map(({ name: input, datatype, shape }) => [
      input,
      { datatype, shape, data: zeroElements(datatype, elementCount(shape)) },
    ]),
  );
  const sessions = Array.from({ length: slots }, () => model.openSession({ sequence: true }));
  await Promise.all(sessions.map((session) => session.infer(inputs, { timeoutMs: LIMIT_MS })));
  await Promise.all(sessions.map((session) => session.close()));
}
