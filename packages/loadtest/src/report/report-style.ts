import { pageStyle } from "@strainflow/page";

/** The colours of subjects stand out 4.5 : 1 from the ground, and are never alone. */
const LIGHT = {
  background: "#ffffff",
  ink: "#1c2024",
  muted: "#5c6670",
  rule: "#dde1e6",
  grid: "#eceff2",
  warn: "#a33a00",
  c0: "#0a5fc4",
  c1: "#c2410c",
  c2: "#00796b",
  c3: "#8e4ba9",
  p0: "#1f4e8c",
  p1: "#4f8fd9",
  p2: "#00796b",
  p3: "#8abf9c",
  p4: "#c3cad2",
};

const DARK = {
  background: "#121518",
  ink: "#e8eaed",
  muted: "#9ba5b0",
  rule: "#2b3138",
  grid: "#20252a",
  warn: "#ffb080",
  c0: "#7db8ff",
  c1: "#ff9e64",
  c2: "#4db6a8",
  c3: "#c48be0",
  p0: "#3f78c4",
  p1: "#9cc8ff",
  p2: "#4db6a8",
  p3: "#b7dfc4",
  p4: "#4b545e",
};

/** Subjects that have a colour of their own; more take turns. */
export const COLOURS = 4;

export const REPORT_STYLE: string = pageStyle({
  light: LIGHT,
  dark: DARK,
  rules: `figcaption{font-weight:600}
.legend{color:var(--muted)}
.notes{padding:0;margin:0 0 16px;list-style:none}
.notes li{border-left:3px solid var(--warn);padding:2px 0 2px 12px;margin:8px 0;max-width:90ch}
.charts{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,440px),1fr));gap:28px 36px;margin-top:28px}
figure{margin:0;min-width:0}
figcaption{margin-bottom:4px}
figure>svg{width:100%;height:auto;display:block;overflow:visible}
svg text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,sans-serif;fill:var(--muted)}
.bars text{fill:var(--ink)}
.axes line{stroke:var(--grid)}
.c0{color:var(--c0)}.c1{color:var(--c1)}.c2{color:var(--c2)}.c3{color:var(--c3)}
.line polyline,.legend line{fill:none;stroke:currentColor;stroke-width:2;stroke-linejoin:round}
.mark{fill:currentColor;stroke:var(--background);stroke-width:1.5}
.point .touch{fill:transparent;stroke:none}
.point:hover .touch{fill:currentColor;fill-opacity:.25}
.goal line{stroke:var(--warn);stroke-dasharray:3 3}.goal text{fill:var(--warn)}
.bars rect{stroke:var(--background);stroke-width:1}
.p0{fill:var(--p0)}.p1{fill:var(--p1)}.p2{fill:var(--p2)}.p3{fill:var(--p3)}.p4{fill:var(--p4)}
.legend{display:flex;flex-wrap:wrap;gap:2px 18px;font-size:13px;margin:6px 0 0}
.legend span{display:inline-flex;align-items:center;gap:7px}
.legend svg{width:28px;height:10px}.legend .box{width:12px;height:12px}
th,td{text-align:right;padding:6px 0 6px 18px}
th:first-child,td:first-child{text-align:left;padding-left:0}
tr.best td{font-weight:600}
.bad{color:var(--warn)}
dl.facts{margin:0;max-width:820px}
dl.facts>div{display:grid;grid-template-columns:minmax(120px,1fr) 3fr;gap:16px;padding:4px 0;border-bottom:1px solid var(--rule)}
dl.facts dd{margin:0;overflow-wrap:anywhere}
@media print{figure{break-inside:avoid}th,td{padding-left:8px}}
`,
});
