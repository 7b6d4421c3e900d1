import { type Html, html, pageStyle, renderPage } from "@strainflow/page";
import { MOST_DEPTH } from "./render-activity.ts";

/** Silence after which the page says that what it shows is old, in milliseconds. */
const STALE_MS = 2500;

const STYLE = pageStyle({
  light: {
    background: "#ffffff",
    ink: "#1c2024",
    muted: "#5c6670",
    rule: "#dde1e6",
    line: "#0a5fc4",
    bad: "#a33a00",
  },
  dark: {
    background: "#121518",
    ink: "#e8eaed",
    muted: "#9ba5b0",
    rule: "#2b3138",
    line: "#7db8ff",
    bad: "#ffb080",
  },
  rules: `body{max-width:1400px}
h2{margin:32px 0 2px}
#state,.state{color:var(--muted)}
.stale{opacity:.45}
thead th{font-weight:400}
tbody th{font-size:15px;color:var(--ink);vertical-align:middle}
th:first-child{position:sticky;left:0;background:var(--background)}
small{color:var(--muted);font-weight:400}
${Array.from({ length: MOST_DEPTH }, (_, i) => `.d${i + 1}{padding-left:${18 * (i + 1)}px}`).join("")}
.away,#state.lost{color:var(--bad)}
svg{display:block}
path{fill:none;stroke:var(--line);stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}`,
});

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
export function pageShell(content: Html): string {
  return renderPage({
    title: "strainflow monitor",
    style: STYLE,
    body: html`<h1>Servers</h1><p id="state">As of the moment it was loaded.</p><main>${content}</main>`,
    scripts: [SCRIPT],
    asksServer: true,
  });
}

/** What a policy in the page itself cannot say: it stands in no other page. */
export const PAGE_POLICY = "frame-ancestors 'none'";
