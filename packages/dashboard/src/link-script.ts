import { StrainflowError } from "@strainflow/series";

const IMPORT = /^import \{([^}]*)\} from "\.\/([\w-]+)\.js";$/gm;
const EXPORT = /^export (?=(?:async )?(?:function\*?|const|class) ([\w$]+))/gm;

/**
 * Puts ES modules together into one classic script, for a page that must work from a file: there, modules cannot be
 * loaded. Each module becomes a function of its own scope that gives its exports; they run in the order of their imports.
 *
 * It takes what `tsc` makes of this package's own page modules (named imports of siblings, exported declarations) and
 * refuses anything else.
 *
 * @param entry name of the module to start with, without `.js`
 * @param read text of a module by name
 * @throws `dashboard-script` for a module it cannot link
 */
export function linkScript(entry: string, read: (name: string) => string): string {
  const order: string[] = [];
  const under = new Set<string>();
  const parts: string[] = [];

  function add(name: string): void {
    if (order.includes(name)) return;
    if (under.has(name)) throw cannotLink(name, "it imports itself, through others");
    under.add(name);
    const source = read(name);
    for (const [, , from] of source.matchAll(IMPORT)) add(from ?? "");
    order.push(name);
    parts.push(wrap(name, source, order));
  }
  add(entry);
  return `(() => {\n"use strict";\n${parts.join("\n")}\n})();\n`;
}

function wrap(name: string, source: string, order: readonly string[]): string {
  const names: string[] = [];
  const body = source
    .replace(IMPORT, (_, bindings: string, from: string) => {
      return `const {${bindings.replaceAll(" as ", ": ")}} = module_${order.indexOf(from)};`;
    })
    .replace(EXPORT, (_, exported: string) => {
      names.push(exported);
      return "";
    })
    .replace(/^export \{\};$/gm, "")
    .replace(/^\/\/# sourceMappingURL=.*$/gm, "")
    .trim();
  const left = /^(?:import|export)\b.*$/m.exec(body);
  if (left !== null)
    throw cannotLink(
      name,
      `its line "${left[0]}" is neither a named import of a sibling nor an exported declaration`,
    );
  return `const module_${order.indexOf(name)} = (() => {\n${body}\nreturn { ${names.join(", ")} };\n})();`;
}

function cannotLink(name: string, why: string): StrainflowError {
  return new StrainflowError(
    "dashboard-script",
    `the page's module ${name} cannot be put into the page: ${why}`,
    {
      details: { name },
    },
  );
}
