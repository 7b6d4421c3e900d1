import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { html } from "./html.ts";
import { jsonForScript } from "./json-script.ts";

function plainText(text: string): string {
  return text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&#39;", "'")
    .replaceAll("&amp;", "&");
}

describe("html", () => {
  it("keeps every text a text", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary-ascii" }), (text) => {
        const { markup } = html`<b title="${text}">${text}</b>`;
        const content = markup.slice(markup.indexOf(">") + 1, markup.lastIndexOf("<"));
        expect(content).not.toMatch(/[<>"']/);
        expect(plainText(content)).toBe(text);
      }),
    );
  });

  it("escapes texts once, and leaves markup as it is, nested to any depth", () => {
    const inner = html`<i>${"a & b"}</i>`;
    expect(html`<p>${inner}${[inner, inner]}${undefined}${3}</p>`.markup).toBe(
      "<p><i>a &amp; b</i><i>a &amp; b</i><i>a &amp; b</i>3</p>",
    );
  });
});

describe("jsonForScript", () => {
  it("says the same as JSON, and holds nothing that ends a script", () => {
    fc.assert(
      fc.property(
        fc.jsonValue(),
        fc.constantFrom("</script>", "<!--", "<script", "\u2028"),
        (value, evil) => {
          const text = jsonForScript({ value, evil });
          expect(text).not.toMatch(/[<\u2028\u2029]/);
          expect(JSON.parse(text)).toEqual(JSON.parse(JSON.stringify({ value, evil })));
        },
      ),
    );
  });
});
