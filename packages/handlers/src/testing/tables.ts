import { arrow, defineHandler } from "@strainflow/handlers";

/** The tables that come, with a column `sum` of the rows' floats beside. */
export default defineHandler({
  input: arrow,
  output: arrow,
  validate: ({ columns }) => (columns.has("sum") ? "there is a column sum already" : undefined),
  processRequest: (messages) => messages,
  runInference: (batch) =>
    batch.map(({ rows, columns }) => {
      const sum = new Float64Array(rows);
      for (const { type, values } of columns.values())
        if (type === "float64") for (let row = 0; row < rows; row++) sum[row]! += values[row]!;
      return { rows, columns: new Map([...columns, ["sum", { type: "float64" as const, values: sum }]]) };
    }),
  processResponse: (item) => item,
});
