import { describe, expect, it } from "vitest";
import { renderReport } from "./render-report.ts";
import type { ReportData } from "./report-data.ts";
import { readMarkup } from "./testing/markup.ts";
import { syntheticReport } from "./testing/synthetic-report.ts";

const data = syntheticReport();
const page = renderReport(data);
const markup = readMarkup(page);

function rowsOf(html: string, name: string): string[][] {
  const table = new RegExp(`aria-label="${name}"[\\s\\S]*?<tbody>([\\s\\S]*?)</tbody>`).exec(html)?.[1] ?? "";
  return [...table.matchAll(/<tr[^>]*>([\s\S]*?)<\/tr>/g)].map(([, row = ""]) =>
    [...row.matchAll(/<td[^>]*>([\s\S]*?)<\/td>/g)].map(([, cell = ""]) =>
      cell.replace(/<span class="utc-below">.*?<\/span>/, "").replace(/<[^>]*>/g, ""),
    ),
  );
}

describe("renderReport", () => {
  it("makes a well-formed document", () => {
    expect(markup.faults).toEqual([]);
    const ids = markup.tags.flatMap(({ attributes }) => /\bid="([^"]*)"/.exec(attributes)?.[1] ?? []);
    expect(new Set(ids).size).toBe(ids.length);
    for (const [, target] of page.matchAll(/href="#([^"]+)"/g)) expect(ids).toContain(target);
    for (const [, label] of page.matchAll(/aria-labelledby="([^"]+)"/g)) expect(ids).toContain(label);
  });

  it("answers first: how many, how loud, over how much livetime, and whether SNRs can be believed", () => {
    const answer = markup.text.slice(0, markup.text.indexOf("GPS time"));
    expect(answer).toContain("detections with network SNR ≥ 8 4");
    expect(answer).toContain("network SNR of the loudest 26.0");
    expect(answer).toContain("searched of 256.0 s, 86.7 % 222.0 s");
    expect(answer).toContain("injections found of 5 4");
    expect(answer).toContain("so SNRs mean what they say");
    expect(answer).toContain("11.0 s no data");
  });

  it("says how the run was made, each setting once", () => {
    expect(markup.text).toContain("Made 2026-02-03 14:05:09 UTC");
    expect(markup.text).toContain("Settings ifos H1, L1 sampleRate 2048 Hz PSD length 8 s");
    const twice = renderReport({ ...data, settings: [["sampleRate", "2048"]] });
    expect(twice.match(/<dt>sampleRate/g)).toHaveLength(1);
    expect(readMarkup(renderReport({ ...data, generatedUtc: "today" })).text).toContain("Made today");
  });

  it("does not call SNRs sound when the noise says otherwise", () => {
    const off = renderReport({ ...data, calibration: { H1: { mean: 0, standardDeviation: 1.2 } } });
    expect(off).toContain("so SNRs of H1 are not to be taken at face value");
    const { calibration: _, ...without } = data;
    expect(renderReport(without)).toContain("was not measured");
  });

  it("lists the detections with times, SNRs, delay, masses and what was injected", () => {
    const rows = rowsOf(page, "Detections");
    expect(rows).toHaveLength(4);
    expect(rows[0]).toEqual([
      "1000000030.093",
      "2011-09-14 01:46:55.093",
      "26.0",
      "22.7",
      "12.6",
      "6.8",
      "36 + 29",
      "25.0",
    ]);
  });

  it("lists what was injected, found or missed and why", () => {
    const rows = rowsOf(page, "Injections");
    expect(rows.map((row) => row[4])).toEqual([
      "found",
      "found",
      "found",
      "found",
      "missed: below the threshold",
    ]);
    expect(rows[0]?.slice(5)).toEqual(["26.0", "1.2"]);
    const { injections: _, ...without } = data;
    expect(readMarkup(renderReport(without)).text).not.toMatch(/injection|injected SNR/i);
  });

  it("says so where there is no detection", () => {
    const none = renderReport(syntheticReport({ detections: 0 }));
    expect(readMarkup(none).faults).toEqual([]);
    expect(none).toContain("Nothing reached a network SNR of 8.");
    expect(none).not.toContain("<details");
    // The loudest of an output that has gaps in it, at its end too.
    expect(readMarkup(none).text).toMatch(/network SNR of the loudest output [67]\.\d/);
  });

  it("says so where a detector, or a detection, has no panels", () => {
    const [first, second, ...others] = data.detections;
    if (first === undefined || second === undefined) throw new Error("the synthetic run has detections");
    const { L1: _, ...rest } = first.panels;
    const html = renderReport({
      ...data,
      detections: [{ ...first, panels: rest }, { ...second, panels: {} }, ...others],
    });
    expect(html).toContain("L1: no panels");
    expect(html).toContain("There are no panels");
  });

  it("takes a detector that did not take part in a detection", () => {
    const [first, ...others] = data.detections;
    if (first === undefined) throw new Error("the synthetic run has detections");
    const one = { ...first, snr: { H1: 12 }, peakNs: { H1: first.gpsNs } };
    expect(
      rowsOf(renderReport({ ...data, detections: [one, ...others] }), "Detections")[0]?.slice(3, 6),
    ).toEqual(["12.0", "–", "–"]);
  });

  it("needs nothing from elsewhere", () => {
    for (const { attributes } of markup.tags) {
      expect(attributes).not.toMatch(/\s(src|srcset|on\w+|style)=/);
      expect(attributes).not.toMatch(/href="(?!#|data:,)/);
    }
    expect(page).not.toMatch(/@import|url\(/);
    expect(page).toContain("default-src &#39;none&#39;");
  });

  it("keeps an hour with a hundred detections under 5 MB, the loudest with their panels", () => {
    const hour = renderReport(syntheticReport({ seconds: 3600, detections: 100 }));
    expect(Buffer.byteLength(hour)).toBeLessThan(5e6);
    const { detections } = embedded(hour);
    const kept = detections.filter(({ panels }) => panels !== undefined);
    expect(kept.length).toBeGreaterThan(20);
    const quietestKept = Math.min(...kept.map(({ statistic }) => statistic));
    for (const { statistic, panels } of detections)
      if (panels === undefined) expect(statistic).toBeLessThanOrEqual(quietestKept);
    expect(hour).toContain(`panels are in it for the ${kept.length} loudest detections only`);
  }, 60_000);

  it("keeps an hour's rows at 20,000 values each, with every peak", () => {
    const hour = syntheticReport({ seconds: 3600, detections: 3 });
    const { rows } = embedded(renderReport(hour));
    for (const { line } of rows)
      expect(line.low.base64.length + (line.high?.base64.length ?? 0)).toBeLessThan((20_100 * 4 * 4) / 3);
    const bytes = Buffer.from(rows[0]?.line.high?.base64 ?? "", "base64");
    const high = new Float32Array(Uint8Array.from(bytes).buffer);
    for (const { statistic } of hour.detections)
      expect(high.some((value) => Math.abs(value - statistic) < 1e-5)).toBe(true);
  });

  it("is the same for the same run", () => {
    expect(renderReport(syntheticReport())).toBe(page);
  });

  it.each(["</script><script>hacked=1</script>", '"><img src=x onerror=hacked=1>', "<!--", "'};hacked=1;//"])(
    "shows %s as the text it is, wherever it stands",
    (evil) => {
      const html = renderReport(poison(data, evil));
      const read = readMarkup(html);
      expect(read.faults).toEqual([]);
      expect(read.tags.filter(({ name }) => name === "script")).toHaveLength(3);
      expect(read.tags.some(({ name, attributes }) => name === "img" || /\son\w+=/.test(attributes))).toBe(
        false,
      );
      expect(JSON.stringify(embedded(html))).toContain(JSON.stringify(evil).slice(1, -1));
    },
  );
});

interface Embedded {
  readonly rows: readonly { line: { low: { base64: string }; high?: { base64: string } } }[];
  readonly detections: readonly { statistic: number; panels?: object }[];
}

function embedded(html: string): Embedded {
  const json = /<script type="application\/json" id="report-data">(.*?)<\/script>/s.exec(html)?.[1] ?? "";
  return JSON.parse(json);
}

/** Every text of a run replaced, names of detectors too. */
function poison(run: ReportData, evil: string): ReportData {
  const renamed = <T>(record: Readonly<Record<string, T>>): Record<string, T> =>
    Object.fromEntries(Object.entries(record).map(([ifo, value]) => [ifo === "H1" ? evil : ifo, value]));
  return {
    ...run,
    title: evil,
    subtitle: evil,
    generatedUtc: evil,
    ifos: [evil, "L1"],
    segments: run.segments.map((s) => (s.reason === undefined ? s : { ...s, reason: evil, detail: evil })),
    detections: run.detections.map((d) => ({
      ...d,
      snr: renamed(d.snr),
      peakNs: renamed(d.peakNs),
      panels: renamed(d.panels),
    })),
    injections: (run.injections ?? []).map((i) => ({ ...i, note: evil })),
    series: run.series.map((s) => ({ ...s, name: evil, unit: evil })),
    envelopes: run.envelopes.map((e) => ({ ...e, ifo: evil })),
    settings: [[evil, evil]],
    versions: [[evil, evil]],
    inputs: [[evil, evil]],
  };
}
