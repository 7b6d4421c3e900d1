import type uPlotType from "uplot";
import { decodeSamples } from "./decode-samples.ts";
import type { PageSpectrogram } from "./page-data.ts";
import { viridis } from "./viridis.ts";

/** A spectrogram, ready to be drawn. */
export interface Spectrogram {
  readonly lowest: number;
  readonly highest: number;
  /** Hz at the lower edge of the lowest row and the upper edge of the highest. */
  readonly edges: readonly [number, number];
  readonly loudest: number;
  readonly times: readonly [number, number];
  at(time: number, frequency: number): number | undefined;
  /** Paints it into a plot whose y scale is logarithmic. */
  draw(plot: uPlotType, ceiling: number): void;
}

export function decodeSpectrogram(page: PageSpectrogram): Spectrogram {
  const energy = decodeSamples(page.energy);
  const { rows, start, step, lowest, highest } = page;
  const columns = Math.floor(energy.length / Math.max(1, rows));
  const ratio = rows > 1 ? (highest / lowest) ** (1 / (rows - 1)) : 2;
  const edges = [lowest / Math.sqrt(ratio), highest * Math.sqrt(ratio)] as const;
  const times = [start - step / 2, start + (columns - 0.5) * step] as const;
  let picture: { readonly ceiling: number; readonly canvas: HTMLCanvasElement } | undefined;
  return {
    lowest,
    highest,
    edges,
    times,
    loudest: energy.reduce((most, value) => Math.max(most, value), 0),
    at(time, frequency) {
      const column = Math.round((time - start) / step);
      const row = Math.round(Math.log(frequency / lowest) / Math.log(ratio));
      return column < 0 || column >= columns || row < 0 || row >= rows
        ? undefined
        : energy[row * columns + column];
    },
    draw(plot, ceiling) {
      if (columns === 0) return;
      if (picture?.ceiling !== ceiling) picture = { ceiling, canvas: paint(energy, rows, columns, ceiling) };
      const { ctx } = plot;
      const { left, top, width, height } = plot.bbox;
      const x = plot.valToPos(times[0], "x", true);
      const y = plot.valToPos(edges[1], "y", true);
      ctx.save();
      ctx.beginPath();
      ctx.rect(left, top, width, height);
      ctx.clip();
      ctx.imageSmoothingQuality = "high";
      ctx.drawImage(
        picture.canvas,
        x,
        y,
        plot.valToPos(times[1], "x", true) - x,
        plot.valToPos(edges[0], "y", true) - y,
      );
      ctx.restore();
    },
  };
}

function paint(energy: Float32Array, rows: number, columns: number, ceiling: number): HTMLCanvasElement {
  const canvas = document.createElement("canvas");
  canvas.width = columns;
  canvas.height = rows;
  const image = new ImageData(columns, rows);
  for (let row = 0; row < rows; row++)
    for (let column = 0; column < columns; column++) {
      const colour = viridis((energy[row * columns + column] ?? 0) / ceiling);
      image.data.set([...colour, 255], 4 * ((rows - 1 - row) * columns + column));
    }
  canvas.getContext("2d")?.putImageData(image, 0, 0);
  return canvas;
}

/** Draws the scale of the colours into a plot's right margin. */
export function drawColourBar(plot: uPlotType, ceiling: number, clipped: boolean, ink: string): void {
  const { ctx } = plot;
  const { left, top, width, height } = plot.bbox;
  const unit = devicePixelRatio;
  const x = left + width + 10 * unit;
  const wide = 9 * unit;
  const gradient = ctx.createLinearGradient(0, top + height, 0, top);
  for (let i = 0; i <= 20; i++) gradient.addColorStop(i / 20, `rgb(${viridis(i / 20).join(" ")})`);
  ctx.save();
  ctx.fillStyle = gradient;
  ctx.fillRect(x, top, wide, height);
  ctx.fillStyle = ink;
  ctx.font = `${12 * unit}px system-ui, sans-serif`;
  ctx.textAlign = "left";
  ctx.textBaseline = "middle";
  for (const share of [0, 0.5, 1]) {
    const text = `${share === 1 && clipped ? "≥" : ""}${Math.round(share * ceiling)}`;
    ctx.fillText(text, x + wide + 4 * unit, top + height * (1 - share));
  }
  ctx.restore();
}
