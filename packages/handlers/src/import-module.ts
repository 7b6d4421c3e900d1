import { existsSync } from "node:fs";
import { extname } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { createJiti } from "jiti";

/** This package, built or from its source. */
const own = fileURLToPath(new URL(`./index${extname(import.meta.url)}`, import.meta.url));

/**
 * Imports a module, TypeScript or JavaScript. Wherever it lies, `@strainflow/handlers` in a TypeScript file is this one;
 * JavaScript is imported as Node does it.
 *
 * @throws what the module throws, and `Error` where it is not there, or one that it needs
 */
export async function importModule(path: string): Promise<unknown> {
  if (!existsSync(path)) throw new Error("there is no such file");
  if (![".ts", ".mts"].includes(extname(path))) return import(pathToFileURL(path).href);
  try {
    return await createJiti(import.meta.url, { alias: { "@strainflow/handlers": own } }).import(path);
  } catch (cause) {
    // Below it is listed which of our own modules asked for it.
    const [message = "", below] = cause instanceof Error ? cause.message.split("\nRequire stack:") : [];
    throw below === undefined ? cause : new Error(message, { cause });
  }
}
