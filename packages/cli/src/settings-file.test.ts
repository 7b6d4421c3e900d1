import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isStrainflowError } from "@strainflow/series";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readSettings, settingsSchema } from "./settings-file.ts";

let folder = "";
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "strainflow-settings-"));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

async function file(name: string, contents: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, contents);
  return path;
}

describe("settings files", () => {
  const wanted = { ifos: ["H1", "V1"], psdLength: 16, series: "arrow" };

  test.each([
    ["a.json", '{ "$schema": "./x.json", "ifos": ["H1", "V1"], "psdLength": 16, "series": "arrow" }'],
    ["b.yaml", "ifos: [H1, V1]\npsdLength: 16 # longer\nseries: arrow\n"],
    ["c.yml", "ifos:\n  - H1\n  - V1\npsdLength: 16\nseries: arrow\n"],
    [
      "d.ts",
      'const psdLength: number = 4 * 4;\nexport default { ifos: ["H1", "V1"], psdLength, series: "arrow" as const };\n',
    ],
    ["e.mjs", 'export default { ifos: ["H1", "V1"], psdLength: 16, series: "arrow" };\n'],
  ])("%s holds the same settings", async (name, contents) => {
    expect((await readSettings(await file(name, contents))).settings).toEqual(wanted);
  });

  test.each([
    ["unknown.json", '{ "psdlength": 16 }', "settings-invalid", /psdlength/],
    ["type.yaml", "psdLength: long\n", "settings-invalid", /psdLength/],
    ["negative.json", '{ "threshold": -1 }', "settings-invalid", /threshold/],
    ["token.json", '{ "token": "two words" }', "settings-invalid", /token must be a text without spaces/],
    ["folder.json", '{ "imageFolder": "" }', "settings-invalid", /imageFolder is ""; it must be a name/],
    ["broken.json", "{ nope", "settings-unreadable", /broken\.json/],
    ["broken.ts", "export default {", "settings-unreadable", /broken\.ts/],
    ["kind.toml", "a = 1", "settings-unreadable", /\.json or \.yaml/],
  ])("%s is refused, and says why", async (name, contents, tag, message) => {
    const path = await file(name, contents);
    const error = await readSettings(path).catch((cause: unknown) => cause);
    expect(isStrainflowError(error, tag)).toBe(true);
    expect(String(error)).toMatch(message);
  });

  test("the schema knows every setting, and says what it is", () => {
    const { properties } = settingsSchema() as { properties: Record<string, { description?: string }> };
    for (const name of [
      "ifos",
      "psdLength",
      "threshold",
      "server",
      "damaged",
      "tlsCa",
      "tokenFile",
      "imageFolder",
    ])
      expect(properties[name]?.description).toMatch(/\.$/);
  });
});
