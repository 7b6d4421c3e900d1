/** Silence after which the page says that what it shows is old, in milliseconds. */
const STALE_MS = 2500;

const STYLE = `
:root{color-scheme:light dark;--ink:#1c1c1e;--muted:#6b6b70;--rule:#e2e2e6;--line:#2f6fb0;--bad:#b3261e;--background:#fff}
@media (prefers-color-scheme:dark){:root{--ink:#ececee;--muted:#9a9aa0;--rule:#333338;--line:#7db4ea;--bad:#f2857d;--background:#161618}}
html{font:400 15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",sans-serif;color:var(--ink);background:var(--background)}
body{max-width:1400px;margin:0 auto;padding:32px;font-variant-numeric:tabular-nums}
h1{font-size:22px;margin:0}h2{font-size:17px;margin:32px 0 2px}p{margin:0 0 10px;color:var(--muted)}
.scroll{overflow-x:auto}table{border-collapse:collapse;width:100%}.stale{opacity:.45}
th,td{text-align:left;padding:5px 18px 5px 0;border-bottom:1px solid var(--rule);white-space:nowrap}
thead th{font-size:13px;color:var(--muted);font-weight:400}tbody th{font-weight:600}small{color:var(--muted);font-weight:400}
.n{text-align:right}.away,.lost{color:var(--bad)}
path{fill:none;stroke:var(--line);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}`;

/** Takes what the server has drawn, and says when nothing comes any more. */
const SCRIPT = `
const main = document.querySelector("main"), state = document.querySelector("#state");
let heard = Date.now();
const source = new EventSource("events");
source.onmessage = ({ data }) => { heard = Date.now(); main.innerHTML = JSON.parse(data); };
setInterval(() => {
  const silent = Date.now() - heard > ${STALE_MS};
  state.textContent = silent ? "The monitor has not been heard of for " + Math.round((Date.now() - heard) / 1000) + " s." : "Alive; changes come by themselves.";
  state.className = silent ? "lost" : "";
}, 500);`;

/** The whole page, with what there is to see now: it works, and stands still, where scripts are off. */
export function pageShell(content: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>strainflow monitor</title><style>${STYLE}</style></head>
<body><h1>Servers</h1><p id="state">As of the moment it was loaded.</p><main>${content}</main>
<script>${SCRIPT}</script></body></html>
`;
}

/** Nothing from elsewhere is loaded, and nothing but our own is run. */
export const PAGE_POLICY: string =
  "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
