import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createTimeView, type TimeView } from "./time-view.ts";

const number = fc.double({ min: -2000, max: 2000, noNaN: true });
const act = fc.oneof(
  fc.tuple(number, number).map(
    ([from, to]) =>
      (view: TimeView) =>
        view.look({ from, to }),
  ),
  fc.tuple(fc.double({ min: 0.01, max: 100, noNaN: true }), number).map(
    ([factor, about]) =>
      (view: TimeView) =>
        view.scale(factor, about),
  ),
  fc.double({ min: -3, max: 3, noNaN: true }).map((share) => (view: TimeView) => view.pan(share)),
  fc.double({ min: -3, max: 3, noNaN: true }).map((share) => (view: TimeView) => view.step(share)),
  fc.constant((view: TimeView) => view.reset()),
);

describe("createTimeView", () => {
  it("never looks outside the whole, nor at less than the smallest span, whatever is done", () => {
    fc.assert(
      fc.property(fc.array(act, { maxLength: 20 }), (acts) => {
        const view = createTimeView({ from: -5, to: 1000 }, 0.5);
        for (const each of acts) {
          each(view);
          const { from, to } = view.range;
          expect(from).toBeGreaterThanOrEqual(-5);
          expect(to).toBeLessThanOrEqual(1000 + 1e-9);
          expect(to - from).toBeGreaterThanOrEqual(0.5 - 1e-9);
        }
        view.reset();
        expect(view.range).toEqual({ from: -5, to: 1000 });
      }),
    );
  });

  it("keeps the time it zooms around where it is", () => {
    const view = createTimeView({ from: 0, to: 100 }, 0.01);
    view.scale(0.25, 40);
    expect(view.range).toEqual({ from: 30, to: 55 });
    view.scale(4, 40);
    expect(view.range).toEqual({ from: 0, to: 100 });
  });

  it("takes the range along when the cursor is stepped out of it", () => {
    const view = createTimeView({ from: 0, to: 100 }, 0.01);
    view.look({ from: 10, to: 20 });
    view.point(19);
    view.step(0.2);
    expect(view.cursor).toBe(21);
    expect(view.range).toEqual({ from: 11, to: 21 });
    view.step(100);
    expect(view.cursor).toBe(100);
    expect(view.range).toEqual({ from: 90, to: 100 });
  });

  it("tells of every change, and of nothing else", () => {
    const view = createTimeView({ from: 0, to: 1 }, 0.1);
    let told = 0;
    view.watch(() => told++);
    view.point(0.5);
    view.point(0.5);
    view.pan(0.1);
    expect(told).toBe(2);
  });

  it("copes with a run shorter than the smallest span", () => {
    const view = createTimeView({ from: 0, to: 0.01 }, 0.05);
    view.scale(0.5);
    expect(view.range).toEqual({ from: 0, to: 0.01 });
  });
});
