import { pageStyle, type Variables } from "@strainflow/page";
import { DARK, ifoColour, LIGHT, type Theme } from "./page/theme.ts";

/** The report's style sheet, in both themes. Detector names become classes by their place, never part of the sheet. */
export function reportStyle(ifos: readonly string[]): string {
  const classes = ifos.map((_, i) => `.ifo-${i}{color:var(--ifo-${i})}`).join("\n");
  return pageStyle({
    light: variables(LIGHT, ifos),
    dark: variables(DARK, ifos),
    rules: `${classes}\n${RULES}`,
  });
}

function variables(theme: Theme, ifos: readonly string[]): Variables {
  const { background, ink, muted, rule, accent, hover } = theme;
  const own = ifos.map((ifo, i) => [`ifo-${i}`, ifoColour(theme, ifo, ifos)] as const);
  return { background, ink, muted, rule, accent, hover, ...Object.fromEntries(own) };
}

const RULES = `
h3,h4,.strong{font-weight:600}
h3,h4{font-size:15px;margin:0}
.when,.none,dt{color:var(--muted)}
a{color:var(--accent);text-underline-offset:2px}
a:not(:hover){text-decoration-color:color-mix(in srgb,var(--accent) 40%,transparent)}
:focus-visible{outline:2px solid var(--accent);outline-offset:3px;border-radius:2px}
.figures dt{color:var(--ink)}
th:last-child,td:last-child{padding-right:4px}
.utc-below{display:none;color:var(--muted);font-size:12px}
tr[data-detection]{cursor:pointer}
tr[data-detection]:hover{background:var(--hover)}
.bar{display:flex;flex-wrap:wrap;align-items:baseline;gap:4px 18px;min-height:30px;position:sticky;top:0;background:var(--background);z-index:3;padding:5px 0;font-size:13px}
.bar output{flex:1 1 220px;min-height:20px}
.bar .gap-reason{color:var(--muted)}
.bar button{font:inherit;color:var(--ink);background:none;border:1px solid var(--rule);border-radius:4px;padding:1px 10px;margin-left:4px;cursor:pointer}
.bar button:hover{background:var(--hover)}
.hint{font-size:13px;margin:6px 0 0;max-width:none}
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
@media (max-width:640px){.facts dl>div{grid-template-columns:2fr 3fr}.utc{display:none}.utc-below{display:block}}
.paper{width:704px;padding:0;margin:0}
.paper .columns{grid-template-columns:1fr 1fr;gap:8px 16px}
@media print{.bar,.hint,.tip,details.detection:not([open])>summary::before{display:none}summary{break-after:avoid}#run,.columns{break-inside:avoid}th{font-size:10px}h2{margin-top:24px}th,td{padding-top:4px;padding-bottom:4px}.facts{grid-template-columns:1fr 1fr}.column,.row,.figures>div{break-inside:avoid}.figures dd{font-size:24px}a{color:inherit;text-decoration:none}th,td{padding-right:10px}}
@media (prefers-reduced-motion:no-preference){html{scroll-behavior:smooth}}
`;
