import { DARK, ifoColour, LIGHT, type Theme } from "./page/theme.ts";

/** The page's style sheet, in both themes. Detector names become classes by their place, never part of the sheet. */
export function pageStyle(ifos: readonly string[]): string {
  return `:root{color-scheme:light dark;${variables(LIGHT, ifos)}}
@media (prefers-color-scheme:dark){:root{${variables(DARK, ifos)}}}
@media print{:root{color-scheme:light;${variables(LIGHT, ifos)}}}
${ifos.map((_, i) => `.ifo-${i}{color:var(--ifo-${i})}`).join("\n")}
${STYLE}`;
}

function variables(theme: Theme, ifos: readonly string[]): string {
  const { background, ink, muted, rule, accent, hover } = theme;
  const plain = Object.entries({ background, ink, muted, rule, accent, hover });
  return [
    ...plain.map(([name, value]) => `--${name}:${value}`),
    ...ifos.map((ifo, i) => `--ifo-${i}:${ifoColour(theme, ifo, ifos)}`),
  ].join(";");
}

const STYLE = `
*{box-sizing:border-box}
html{font:400 15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;color:var(--ink);background:var(--background);-webkit-text-size-adjust:100%}
body{max-width:1240px;margin:0 auto;padding:40px 32px 64px;font-variant-numeric:tabular-nums;overflow-wrap:break-word}
h1,h2,h3,h4,th,b,.strong,.figures dd{font-weight:600}
h1{font-size:26px;line-height:1.25;letter-spacing:-.01em;margin:0 0 4px;text-wrap:balance}
h2{font-size:17px;margin:40px 0 10px}
h3,h4{font-size:15px;margin:0}
p{margin:0 0 8px;max-width:76ch}
header p,.when,.none,.figures dt span,dt{color:var(--muted)}
a{color:var(--accent);text-underline-offset:2px}
a:not(:hover){text-decoration-color:color-mix(in srgb,var(--accent) 40%,transparent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:2px}
.figures{display:flex;flex-wrap:wrap;gap:20px 56px;margin:28px 0 20px}
.figures>div{display:flex;flex-direction:column-reverse;justify-content:flex-end}
.figures dt{color:var(--ink)}
.figures dt span{display:block}
.figures dd{margin:0;font-size:34px;line-height:1.2;letter-spacing:-.02em}
.scroll{overflow-x:auto}
table{border-collapse:collapse;width:100%}
th{font-size:13px;color:var(--muted);vertical-align:bottom;line-height:1.3}
th,td{text-align:left;padding:7px 20px 7px 0;border-bottom:1px solid var(--rule);white-space:nowrap}
th:last-child,td:last-child{padding-right:4px}
.n{text-align:right}
.utc-below{display:none;color:var(--muted);font-size:12px}
tr[data-detection]{cursor:pointer}
tr[data-detection]:hover{background:var(--hover)}
.bar{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 18px;min-height:30px;position:sticky;top:0;background:var(--background);z-index:3;padding:5px 0;font-size:13px}
.bar output{flex:1 1 220px;min-height:20px}
.bar .gap-reason{color:var(--muted)}
.bar button{font:inherit;color:var(--ink);background:none;border:1px solid var(--rule);border-radius:4px;padding:1px 10px;margin-left:4px;cursor:pointer}
.bar button:hover{background:var(--hover)}
.hint{color:var(--muted);font-size:13px;margin:6px 0 0;max-width:none}
sub{font-size:.75em;line-height:0}
.plots{position:relative}
.row+.row{margin-top:5px}
.lane{position:relative;height:27px}
.lane a{position:absolute;transform:translateX(-50%);bottom:0;color:var(--ink);font-size:12px;line-height:13px;text-align:center;text-decoration:none;min-width:20px}
.lane a::after{content:"";display:block;width:0;margin:1px auto 0;border:5px solid transparent;border-top:8px solid currentColor;border-bottom:0}
.lane a.crowded span{visibility:hidden}
.lane a:hover,.lane a:focus-visible{color:var(--accent);z-index:1}
.row-head{display:flex;flex-wrap:wrap;gap:0 16px;align-items:baseline;font-size:13px;line-height:18px;min-height:18px;padding-right:12px}
.row-head b::first-letter{text-transform:uppercase}
.row-head .key{color:var(--muted);white-space:nowrap}
.row-head output{margin-left:auto;color:var(--muted);white-space:nowrap}
.uplot,.u-wrap{touch-action:pan-y}
.u-select{background:color-mix(in srgb,var(--accent) 18%,transparent)}
.u-hz .u-cursor-x{border-right:1px solid var(--muted)}
.tip{position:absolute;z-index:2;pointer-events:none;background:var(--ink);color:var(--background);font-size:12px;line-height:16px;padding:2px 8px;border-radius:3px;max-width:240px;width:max-content}
details.detection{border-top:1px solid var(--rule)}
details.detection:last-of-type{border-bottom:1px solid var(--rule)}
summary{display:flex;flex-wrap:wrap;gap:2px 20px;align-items:baseline;padding:10px 4px 10px 22px;cursor:pointer;position:relative;list-style:none}
summary::-webkit-details-marker{display:none}
summary::before{content:"";position:absolute;left:4px;top:17px;border:5px solid transparent;border-left:7px solid var(--muted);border-right:0}
details[open]>summary::before{transform:rotate(90deg)}
summary:hover{background:var(--hover)}
.columns{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,420px),1fr));gap:8px 32px}
.column{min-width:0}
.column h4{padding:6px 0 2px}
.panels{padding:0 0 20px}
.panels:empty{display:none}
.facts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,380px),1fr));gap:0 48px;margin-top:24px}
.facts dl{margin:0}
.facts dl>div{display:grid;grid-template-columns:minmax(120px,2fr) 3fr;gap:16px;padding:4px 0;border-bottom:1px solid var(--rule)}
.facts .stacked>div{display:block}
.facts dd{margin:0;min-width:0;overflow-wrap:anywhere}
@media (max-width:640px){body{padding:24px 16px 48px}h1{font-size:22px}.figures{display:grid;grid-template-columns:1fr 1fr;gap:18px 20px}.figures dd{font-size:28px}.facts dl>div{grid-template-columns:2fr 3fr}.utc{display:none}.utc-below{display:block}th,td{padding-right:16px}}
.paper{width:704px;padding:0;margin:0}
.paper .columns{grid-template-columns:1fr 1fr;gap:8px 16px}
@media print{html{font-size:11px}.bar,.hint,.tip,details.detection:not([open])>summary::before{display:none}.scroll{overflow:visible}h2,summary{break-after:avoid}#run,.columns{break-inside:avoid}th{font-size:10px}h2{margin-top:24px}th,td{padding-top:4px;padding-bottom:4px}.facts{grid-template-columns:1fr 1fr}tr,.column,.row,.figures>div{break-inside:avoid}.figures dd{font-size:24px}a{color:inherit;text-decoration:none}th,td{padding-right:10px}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
`;
