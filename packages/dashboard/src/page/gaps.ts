import type uPlotType from "uplot";
import type { PageGap } from "./page-data.ts";
import { theme } from "./palette.ts";

/** Hatches the gaps over a plot's whole height. */
export function drawGaps(plot: uPlotType, gaps: readonly PageGap[]): void {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const step = 7 * devicePixelRatio;
  const { gap: ground, hatch } = theme();
  for (const gap of gaps) {
    const from = Math.max(left, plot.valToPos(gap.from, "x", true));
    const to = Math.min(left + width, plot.valToPos(gap.to, "x", true));
    if (to <= from) continue;
    // Never thinner than can be seen.
    const wide = Math.max(to - from, devicePixelRatio);
    ctx.save();
    ctx.beginPath();
    ctx.rect(from, top, wide, height);
    ctx.clip();
    ctx.fillStyle = ground;
    ctx.fillRect(from, top, wide, height);
    ctx.strokeStyle = hatch;
    ctx.lineWidth = devicePixelRatio;
    ctx.beginPath();
    for (let x = Math.floor((from - height) / step) * step; x < from + wide; x += step) {
      ctx.moveTo(x, top + height);
      ctx.lineTo(x + height, top);
    }
    ctx.stroke();
    ctx.restore();
  }
}

/** The gap that a time lies in. */
export function gapAt(gaps: readonly PageGap[], time: number): PageGap | undefined {
  return gaps.find(({ from, to }) => time >= from && time < to);
}
