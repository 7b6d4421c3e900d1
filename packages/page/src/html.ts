/** Markup that is safe as it stands. Only {@link html} makes it. */
export interface Html {
  readonly markup: string;
  readonly [brand]: true;
}

declare const brand: unique symbol;

/** What may be put into markup: text and numbers are escaped, markup is not. */
export type Fragment = string | number | Html | readonly Html[] | undefined;

const ENTITIES: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

/** Text for an element's content or a quoted attribute. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character] ?? character);
}

/**
 * Markup from a template. Everything between the pieces is escaped unless it is {@link Html} already, so a name or a
 * path that holds markup cannot become part of the page. Values belong into content and quoted attributes, never into
 * scripts or styles.
 */
export function html(pieces: TemplateStringsArray, ...values: readonly Fragment[]): Html {
  let markup = pieces[0] ?? "";
  values.forEach((value, i) => {
    markup += textOf(value) + (pieces[i + 1] ?? "");
  });
  return { markup } as Html;
}

function textOf(value: Fragment): string {
  if (value === undefined) return "";
  if (typeof value === "string") return escapeHtml(value);
  if (typeof value === "number") return String(value);
  if ("markup" in value) return value.markup;
  return value.map((part) => part.markup).join("");
}
