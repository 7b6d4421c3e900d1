import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createJiti } from "jiti";

/** This package, built or from its source. */
const own = fileURLToPath(new URL(`./index${extname(import.meta.url)}`, import.meta.url));

/**
 * Imports a module, TypeScript or JavaScript. Wherever it lies, `@strainflow/handlers` in a TypeScript file is this one;
 * JavaScript is imported as Node does it.
 */
export async function importModule(path: string): Promise<unknown> {
  if (![".ts", ".mts"].includes(extname(path))) return import(pathToFileURL(path).href);
  return createJiti(import.meta.url, { alias: { "@strainflow/handlers": own } }).import(path);
}
