const VOID = new Set(["meta", "link", "br"]);

/** What a page is made of. */
export interface Markup {
  /** Opening tags, in order: name and attributes as they are written. */
  readonly tags: readonly { readonly name: string; readonly attributes: string }[];
  /** What is wrong with the nesting; empty if nothing. */
  readonly faults: readonly string[];
  /** Text outside of scripts and styles, with tags taken out. */
  readonly text: string;
}

/** Reads a page's markup: strict, so that whatever escapes from its place shows as a fault or as a tag. */
export function readMarkup(page: string): Markup {
  const bare = page.replace(/(<(script|style)\b[^>]*>)[\s\S]*?(<\/\2>)/g, "$1$3");
  const tags: { name: string; attributes: string }[] = [];
  const faults: string[] = [];
  const open: string[] = [];
  for (const [whole, close, name = "", attributes = ""] of bare.matchAll(
    /<(\/?)([a-z][a-z0-9]*)((?:\s+[a-z-]+(?:="[^"<]*")?)*)\s*>|<(?!!doctype html>)/g,
  )) {
    if (name === "") faults.push(`stray < in "${whole}"`);
    else if (close === "/") {
      const last = open.pop();
      if (last !== name) faults.push(`</${name}> closes <${last}>`);
    } else {
      tags.push({ name, attributes });
      if (!VOID.has(name)) open.push(name);
    }
  }
  if (open.length > 0) faults.push(`left open: ${open.join(", ")}`);
  const text = bare.replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
  return { tags, faults, text };
}
