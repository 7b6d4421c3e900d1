import { createHash } from "node:crypto";
import { escapeHtml, type Html } from "./html.ts";
import { jsonForScript } from "./json-script.ts";

export interface Page {
  readonly title: string;
  /** Style sheets as they are: nothing from outside belongs in them. */
  readonly style: string;
  readonly body: Html;
  /** What scripts read: each value as JSON in an element of that id. Default none. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** Scripts as they are, which run in this order behind the body. Default none. */
  readonly scripts?: readonly string[];
  /** Whether scripts may ask the server that the page comes from. Default no. */
  readonly asksServer?: boolean;
}

/**
 * One HTML document that needs nothing else. A Content-Security-Policy in it lets only its own scripts and styles apply,
 * and nothing be loaded.
 */
export function renderPage({
  title,
  style,
  body,
  data = {},
  scripts = [],
  asksServer = false,
}: Page): string {
  const policy = [
    "default-src 'none'",
    ...(scripts.length > 0 ? [`script-src ${scripts.map(source).join(" ")}`] : []),
    `style-src ${source(style)}`,
    ...(asksServer ? ["connect-src 'self'"] : []),
    "img-src data:",
    "base-uri 'none'",
    "form-action 'none'",
  ].join("; ");
  const values = Object.entries(data).map(
    ([id, value]) =>
      `<script type="application/json" id="${escapeHtml(id)}">${jsonForScript(value)}</script>\n`,
  );
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${escapeHtml(policy)}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<link rel="icon" href="data:,">
<title>${escapeHtml(title)}</title>
<style>${style}</style>
</head>
<body>
${body.markup}
${values.join("")}${scripts.map((script) => `<script>${script}</script>\n`).join("")}</body>
</html>
`;
}

/** What the policy allows: only what hashes to this. */
function source(text: string): string {
  return `'sha256-${createHash("sha256").update(text).digest("base64")}'`;
}
