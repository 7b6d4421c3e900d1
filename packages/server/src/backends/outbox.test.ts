import { expect, it } from "vitest";
import { Outbox } from "./outbox.ts";

it("messages that wait leave together, in order, each once; what is cleared never leaves", () => {
  const posted: [readonly number[], readonly ArrayBuffer[]][] = [];
  const outbox = new Outbox<number>((messages, transfer) => posted.push([messages, transfer]));
  const [a, b] = [new ArrayBuffer(1), new ArrayBuffer(2)];
  outbox.flush();
  outbox.put(1, [a]);
  outbox.put(2, []);
  outbox.put(3, [b]);
  expect(outbox.size).toBe(3);
  expect(posted).toEqual([]);
  outbox.flush();
  outbox.flush();
  outbox.put(4, []);
  outbox.clear();
  outbox.flush();
  expect(posted).toEqual([
    [
      [1, 2, 3],
      [a, b],
    ],
  ]);
  expect(posted[0]?.[1][0]).toBe(a);
});
