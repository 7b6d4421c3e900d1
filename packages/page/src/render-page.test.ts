import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { html } from "./html.ts";
import { pageStyle } from "./page-style.ts";
import { renderPage } from "./render-page.ts";

const style = pageStyle({
  light: { background: "#fff", ink: "#111", muted: "#555", rule: "#ddd" },
  dark: { background: "#111", ink: "#eee", muted: "#aaa", rule: "#333" },
  rules: ".own{color:red}",
});
const policyOf = (page: string): string =>
  (/Content-Security-Policy" content="([^"]*)"/.exec(page)?.[1] ?? "").replaceAll("&#39;", "'");
const hash = (text: string | undefined): string =>
  `'sha256-${createHash("sha256")
    .update(text ?? "")
    .digest("base64")}'`;

describe("a page", () => {
  it("lets its own scripts and styles apply, by what they are, and nothing else", () => {
    const page = renderPage({ title: "t", style, body: html`<p>b</p>`, scripts: ["one()", "two()"] });
    const [, sheet] = /<style>(.*?)<\/style>/s.exec(page) ?? [];
    const scripts = [...page.matchAll(/<script>(.*?)<\/script>/gs)].map(([, script]) => hash(script));
    expect(scripts).toHaveLength(2);
    expect(policyOf(page)).toBe(
      `default-src 'none'; script-src ${scripts.join(" ")}; style-src ${hash(sheet)}; ` +
        "img-src data:; base-uri 'none'; form-action 'none'",
    );
  });

  it("runs no scripts where it has none, and asks its server only where that was wanted", () => {
    expect(policyOf(renderPage({ title: "t", style, body: html`` }))).not.toMatch(/script-src|connect-src/);
    expect(policyOf(renderPage({ title: "t", style, body: html``, asksServer: true }))).toContain(
      "connect-src 'self'",
    );
  });

  it("has titles and data that are only that", () => {
    const page = renderPage({
      title: "</title><script>",
      style,
      body: html`${"<b>"}`,
      data: { facts: { name: "</script><script>alert(1)" } },
    });
    expect(page.match(/<script/g)).toHaveLength(1);
    expect(page).toContain("<title>&lt;/title&gt;&lt;script&gt;</title>");
    const [, json = ""] = /id="facts">(.*?)<\/script>/s.exec(page) ?? [];
    expect(JSON.parse(json)).toEqual({ name: "</script><script>alert(1)" });
  });
});

describe("its style", () => {
  it("has each variable light, dark, and light on paper; its own rules behind those of all", () => {
    expect(style.match(/--ink:#\w+/g)).toEqual(["--ink:#111", "--ink:#eee", "--ink:#111"]);
    expect(style.endsWith(".own{color:red}")).toBe(true);
  });
});
