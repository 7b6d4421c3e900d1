import { expect, it } from "vitest";
import * as hdf5 from "./index.ts";

it("exports these names", () => {
  expect(Object.keys(hdf5).sort()).toEqual([
    "createHdf5Writer",
    "inspectHdf5",
    "openEventTable",
    "openHdf5",
    "writeEventTable",
    "writeSeriesHdf5",
  ]);
});
