import type { EventRecord } from "@strainflow/series";
import type { WrittenEvent } from "../write-event-table.ts";

/** Numbers that are functions of where they stand. */
export function event(index: number, hits: number, points: number): WrittenEvent {
  const hit = (n: number): number => ((index * 131 + n * 17) % 1000) / 8;
  return {
    id: [7, index >> 4, index],
    tables: {
      hit_table: {
        hit_id: Int32Array.from({ length: hits }, (_, n) => n),
        local_plane: Int32Array.from({ length: hits }, (_, n) => n % 3),
        integral: Float32Array.from({ length: hits }, (_, n) => hit(n)),
      },
      spacepoint_table: {
        hit_id: {
          parts: 3,
          data: Int32Array.from({ length: 3 * points }, (_, n) => (n % 3) * 100 + Math.floor(n / 3) + index),
        },
      },
    },
  };
}

/** What a reader must make of an event. */
export function expected(written: WrittenEvent, index: number): EventRecord {
  const hits = written.tables["hit_table"]!;
  const points = written.tables["spacepoint_table"]!["hit_id"]! as { readonly data: Int32Array };
  const part = (p: number): Int32Array => points.data.filter((_, n) => n % 3 === p);
  const tensor = (data: Int32Array | Float32Array) => ({
    datatype: data instanceof Int32Array ? ("INT32" as const) : ("FP32" as const),
    shape: [data.length],
    data,
  });
  return {
    kind: "event",
    id: written.id.join("/"),
    index,
    inputs: {
      hit_table_hit_id: tensor(hits["hit_id"] as Int32Array),
      hit_table_integral: tensor(hits["integral"] as Float32Array),
      hit_table_local_plane: tensor(hits["local_plane"] as Int32Array),
      spacepoint_table_hit_id_0: tensor(part(0)),
      spacepoint_table_hit_id_1: tensor(part(1)),
      spacepoint_table_hit_id_2: tensor(part(2)),
    },
  };
}
