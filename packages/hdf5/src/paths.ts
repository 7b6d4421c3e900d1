import { readdir } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { hdf5Error } from "./errors.ts";

/**
 * The files that paths and globs name, each once, sorted.
 *
 * `*` and `?` stand for any characters within a name, `**` for any folders, `{a,b}` for either. A path that exists as
 * written is taken as written. A `file:` URL is a path.
 *
 * @throws `file-not-found` if a glob matches nothing
 */
export async function expandPaths(patterns: string | readonly string[]): Promise<string[]> {
  const found = new Set<string>();
  for (const pattern of typeof patterns === "string" ? [patterns] : patterns) {
    const path = pattern.startsWith("file:") ? fileURLToPath(pattern) : pattern;
    if (!/[*?{[]/.test(path)) found.add(resolve(path));
    else for (const match of await expandGlob(path)) found.add(match);
  }
  if (found.size === 0)
    throw hdf5Error("file-not-found", "no file was named; give at least one path or glob", { path: "" });
  return [...found].sort();
}

async function expandGlob(pattern: string): Promise<string[]> {
  const whole = resolve(pattern);
  const parts = whole.split(sep);
  const fixed = parts.findIndex((part) => /[*?{[]/.test(part));
  const root = parts.slice(0, fixed).join(sep) || sep;
  const matches = await walk(root, parts.slice(fixed));
  if (await exists(whole)) matches.push(whole);
  if (matches.length === 0)
    throw hdf5Error("file-not-found", `${pattern}: no file matches`, { path: pattern });
  return matches;
}

async function walk(folder: string, [part, ...rest]: readonly string[]): Promise<string[]> {
  if (part === undefined) return [];
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  const found: string[] = [];
  if (part === "**") {
    found.push(...(await walk(folder, rest)));
    for (const entry of entries)
      if (entry.isDirectory()) found.push(...(await walk(join(folder, entry.name), [part, ...rest])));
    return found;
  }
  const pattern = namePattern(part);
  for (const { name } of entries) {
    if (!pattern.test(name) || (name.startsWith(".") && !part.startsWith("."))) continue;
    const path = join(folder, name);
    found.push(...(rest.length === 0 ? [path] : await walk(path, rest)));
  }
  return found;
}

function namePattern(part: string): RegExp {
  const source = part
    .replace(/[.+^$()|\\]/g, "\\$&")
    .replace(/\*+/g, "[^/]*")
    .replace(/\?/g, "[^/]")
    .replace(/\{([^{}]*)\}/g, (_, either: string) => `(?:${either.replaceAll(",", "|")})`);
  return new RegExp(`^${source}$`);
}

async function exists(path: string): Promise<boolean> {
  const entries = await readdir(dirname(path)).catch(() => []);
  return entries.some((name) => join(dirname(path), name) === path);
}
