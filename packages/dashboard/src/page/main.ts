import type { Clock } from "./bar.ts";
import { createDetectionPanels } from "./detection-panels.ts";
import type { PageData } from "./page-data.ts";
import { createRunAxis } from "./run-axis.ts";

const source = document.getElementById("report-data")?.textContent;
if (source != null) start(JSON.parse(source));

function start(data: PageData): void {
  const startNs = BigInt(data.startNs);
  const clock: Clock = { zeroNs: startNs, second: startNs / 1_000_000_000n, utcMs: data.startUtcMs };
  const run = document.getElementById("run");
  if (run !== null) createRunAxis(run, data, clock);
  for (const details of document.querySelectorAll<HTMLDetailsElement>("details[data-detection]"))
    fillWhenOpen(details, data, clock);
  listen();
  openTarget();
}

/** Panels are drawn when they are first looked at. */
function fillWhenOpen(details: HTMLDetailsElement, data: PageData, clock: Clock): void {
  const fill = (): void => {
    const detection = data.detections[Number(details.dataset["detection"])];
    const host = details.querySelector<HTMLElement>(".panels");
    if (!details.open || host === null || host.childElementCount > 0 || detection?.panels === undefined)
      return;
    createDetectionPanels(host, detection, detection.panels, data.ifos, clock);
  };
  details.addEventListener("toggle", fill);
  fill();
}

function listen(): void {
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const link = event.target.closest<HTMLElement>("a[href^='#detection-'], tr[data-detection]");
    if (link === null) return;
    const id = link.getAttribute("href")?.slice(1) ?? `detection-${Number(link.dataset["detection"]) + 1}`;
    if (!(getSelection()?.isCollapsed ?? true)) return;
    event.preventDefault();
    history.replaceState(null, "", `#${id}`);
    openTarget();
  });
  addEventListener("hashchange", openTarget);
}

/** Opens the detection that the address names, and goes to it. */
function openTarget(): void {
  const target = location.hash === "" ? null : document.getElementById(location.hash.slice(1));
  if (!(target instanceof HTMLDetailsElement)) return;
  target.open = true;
  target.scrollIntoView({ block: "start" });
  target.querySelector("summary")?.focus({ preventScroll: true });
}
