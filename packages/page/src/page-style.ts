/** Custom properties of the sheet, without their dashes: `ink` → `var(--ink)`. */
export interface Variables {
  readonly background: string;
  readonly ink: string;
  readonly muted: string;
  /** Lines between things. */
  readonly rule: string;
  readonly [name: string]: string;
}

export interface PageStyle {
  readonly light: Variables;
  /** Where the reader's system asks for it; paper is always light. */
  readonly dark: Variables;
  /** Rules of this page, behind those that all pages have. */
  readonly rules: string;
}

/** The style sheet of a page: what all pages look like, in both themes, and then the page's own rules. */
export function pageStyle({ light, dark, rules }: PageStyle): string {
  return `:root{color-scheme:light dark;${declared(light)}}
@media (prefers-color-scheme:dark){:root{${declared(dark)}}}
@media print{:root{color-scheme:light;${declared(light)}}}
${BASE}
${rules}`;
}

function declared(variables: Variables): string {
  return Object.entries(variables)
    .map(([name, value]) => `--${name}:${value}`)
    .join(";");
}

const BASE = `*{box-sizing:border-box}
html{font:400 15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;color:var(--ink);background:var(--background);-webkit-text-size-adjust:100%}
body{max-width:1240px;margin:0 auto;padding:40px 32px 64px;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
h1,h2,th,b,.figures dd{font-weight:600}
h1{font-size:26px;line-height:1.25;letter-spacing:-.01em;margin:0 0 4px;text-wrap:balance}
h2{font-size:17px;margin:40px 0 10px}
p{margin:0 0 8px;max-width:80ch}
header p,.hint,.figures dt span{color:var(--muted)}
.figures{display:flex;flex-wrap:wrap;gap:20px 56px;margin:28px 0 20px}
.figures>div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.figures dt span{display:block}
.figures dd{margin:0;font-size:34px;line-height:1.2;letter-spacing:-.02em}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th{font-size:13px;color:var(--muted);vertical-align:bottom;line-height:1.3}
th,td{text-align:left;padding:7px 20px 7px 0;border-bottom:1px solid var(--rule);white-space:nowrap}
.n{text-align:right}
@media (max-width:640px){body{padding:24px 16px 48px}h1{font-size:22px}.figures{display:grid;grid-template-columns:1fr 1fr;gap:18px 20px}.figures dd{font-size:28px}th,td{padding-right:16px}}
@media print{html{font-size:11px}.scroll{overflow:visible}tr{break-inside:avoid}h2{break-after:avoid}}`;
