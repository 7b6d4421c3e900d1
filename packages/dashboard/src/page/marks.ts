import type uPlotType from "uplot";
import { element } from "./element.ts";
import type { PageDetection, PageInjection } from "./page-data.ts";
import { theme } from "./palette.ts";
import type { TimeView } from "./time-view.ts";

/** A thin line down a plot at each detection. */
export function drawDetectionLines(plot: uPlotType, detections: readonly PageDetection[]): void {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  ctx.save();
  ctx.strokeStyle = theme().ink;
  // A hundred of them must not become a curtain.
  ctx.globalAlpha = Math.min(0.28, 6 / detections.length);
  ctx.lineWidth = devicePixelRatio;
  ctx.beginPath();
  for (const { time } of detections) {
    const x = plot.valToPos(time, "x", true);
    if (x < left || x > left + width) continue;
    ctx.moveTo(x, top);
    ctx.lineTo(x, top + height);
  }
  ctx.stroke();
  ctx.restore();
}

/** A dot at each detection's statistic; a diamond at each injection's SNR if found, a cross if missed; the threshold. */
export function drawStatistics(
  plot: uPlotType,
  detections: readonly PageDetection[],
  injections: readonly PageInjection[],
  threshold: number | undefined,
): void {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const unit = devicePixelRatio;
  const { ink, background, muted } = theme();
  ctx.save();
  ctx.beginPath();
  ctx.rect(left - 6 * unit, top - 6 * unit, width + 12 * unit, height + 6 * unit);
  ctx.clip();
  if (threshold !== undefined) {
    const y = plot.valToPos(threshold, "y", true);
    ctx.strokeStyle = muted;
    ctx.lineWidth = unit;
    ctx.setLineDash([5 * unit, 4 * unit]);
    ctx.beginPath();
    ctx.moveTo(left, y);
    ctx.lineTo(left + width, y);
    ctx.stroke();
    ctx.setLineDash([]);
  }
  const place = (time: number, value: number): readonly [number, number] => [
    plot.valToPos(time, "x", true),
    plot.valToPos(value, "y", true),
  ];
  ctx.lineWidth = 1.5 * unit;
  for (const { time, statistic } of detections) {
    const [x, y] = place(time, statistic);
    ctx.beginPath();
    ctx.arc(x, y, 3.5 * unit, 0, 2 * Math.PI);
    ctx.fillStyle = ink;
    ctx.strokeStyle = background;
    ctx.fill();
    ctx.stroke();
  }
  ctx.strokeStyle = ink;
  for (const { time, snr, found } of injections) {
    const [x, y] = place(time, snr);
    const r = (found ? 6 : 5) * unit;
    ctx.beginPath();
    if (found) {
      ctx.moveTo(x, y - r);
      ctx.lineTo(x + r, y);
      ctx.lineTo(x, y + r);
      ctx.lineTo(x - r, y);
      ctx.closePath();
    } else {
      ctx.moveTo(x - r, y - r);
      ctx.lineTo(x + r, y + r);
      ctx.moveTo(x - r, y + r);
      ctx.lineTo(x + r, y - r);
    }
    ctx.stroke();
  }
  ctx.restore();
}

/** The lane above the plots: a link at each detection's time that leads to its panels. */
export function createLane(
  plot: uPlotType,
  view: TimeView,
  detections: readonly PageDetection[],
): HTMLElement {
  const links = detections.map((detection, i) =>
    element(
      "a",
      {
        href: `#detection-${i + 1}`,
        "data-detection": String(i),
        "aria-label": detection.label,
        title: detection.label,
      },
      element("span", {}, String(i + 1)),
    ),
  );
  const lane = element("div", { class: "lane" }, ...links);
  const place = (): void => {
    let last = Number.NEGATIVE_INFINITY;
    const offset = plot.over.offsetLeft;
    detections.forEach(({ time }, i) => {
      const link = links[i];
      if (link === undefined) return;
      const { from, to } = view.range;
      link.hidden = time < from || time > to;
      if (link.hidden) return;
      const x = plot.valToPos(time, "x");
      link.style.left = `${offset + x}px`;
      link.classList.toggle("crowded", x - last < 18);
      if (x - last >= 18) last = x;
    });
  };
  plot.hooks.draw = [...(plot.hooks.draw ?? []), place];
  place();
  return lane;
}
