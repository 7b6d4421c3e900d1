import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import { linkScript } from "./link-script.ts";

const link = (modules: Readonly<Record<string, string>>): string =>
  linkScript("main", (name) => modules[name] ?? "");

describe("linkScript", () => {
  it("runs modules in the order of their imports, each once and in a scope of its own", () => {
    const ran: string[] = [];
    const script = link({
      main: 'import { one } from "./a.js";\nimport { two as other } from "./b.js";\nconst hidden = 3;\nran.push([one(), other, hidden].join(" "));',
      a: 'import { two } from "./b.js";\nran.push("a");\nconst hidden = 1;\nexport function one() {\n  return hidden + two;\n}',
      b: 'ran.push("b");\nconst hidden = 2;\nexport const two = hidden;\nexport class Three {\n}\n//# sourceMappingURL=b.js.map',
    });
    runInNewContext(script, { ran });
    expect(ran).toEqual(["b", "a", "3 2 3"]);
  });

  it("takes imports over several lines", () => {
    const ran: number[] = [];
    runInNewContext(
      link({
        main: 'import {\n  x,\n  y,\n} from "./a.js";\nran.push(x + y);',
        a: "export const x = 1;\nexport const y = 2;",
      }),
      { ran },
    );
    expect(ran).toEqual([3]);
  });

  it.each([
    ["a default import", 'import x from "./a.js";'],
    ["a package", 'import { x } from "uplot";'],
    ["an export it does not know", "export default 3;"],
    ["modules that import each other", 'import { x } from "./main.js";'],
  ])("refuses %s", (_, source) => {
    expect(() => link({ main: source })).toThrow(expect.objectContaining({ tag: "dashboard-script" }));
  });
});
