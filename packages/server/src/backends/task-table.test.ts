import { expect, it } from "vitest";
import { TaskTable } from "./task-table.ts";

it("gives each its own number for as long as it waits", () => {
  const table = new TaskTable<string>();
  const [a, b] = [table.put("a"), table.put("b")];
  expect([table.size, table.take(a), table.take(a)]).toEqual([2, "a", undefined]);
  const c = table.put("c");
  expect(c).not.toBe(b);
  expect([table.take(b), table.take(c), table.take(7), table.size]).toEqual(["b", "c", undefined, 0]);
});

it("gives up all at once, and begins anew", () => {
  const table = new TaskTable<number>();
  const numbers = Array.from({ length: 5 }, (_, i) => table.put(i));
  table.take(numbers[2] ?? -1);
  expect([table.clear(), table.size]).toEqual([[0, 1, 3, 4], 0]);
  expect(table.take(numbers[0] ?? -1)).toBeUndefined();
  expect(table.take(table.put(9))).toBe(9);
});
