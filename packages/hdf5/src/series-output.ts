import { indexToSeconds, type SampleArray } from "@strainflow/series";
import { createAppender } from "./appender.ts";
import { createOutputFile } from "./output-file.ts";

/** What a layout's writer is told: a contiguous stream, gaps as NaN already. */
export interface Output {
  /** One array per channel. */
  append(data: readonly SampleArray[]): void;
  finish(): Promise<void>;
  discard(): Promise<void>;
}

/** The constants of one output. */
export interface OutputFormat {
  readonly sampleRate: number;
  readonly channels: readonly string[];
  /** First sample, counted from the GPS epoch. */
  readonly start: number;
  readonly dtype: "float32" | "float64";
  readonly unit: string;
  readonly chunkSize: number;
  readonly compression: "gzip" | "none";
}

/** gwpy's layout, and aframe's: a root dataset per channel, with `x0`, `dx`, `xunit`, `unit`, `name`, `channel`. */
export async function createSeriesOutput(path: string, format: OutputFormat): Promise<Output> {
  const { sampleRate, channels, start, dtype, unit, chunkSize, compression } = format;
  const output = await createOutputFile(path);
  const empty = dtype === "float32" ? new Float32Array(0) : new Float64Array(0);
  const appenders = channels.map((name) =>
    createAppender(output, { group: "/", name, empty, chunkSize, compression }),
  );
  return {
    append(data) {
      for (const [c, appender] of appenders.entries()) appender.append(data[c]!);
    },
    async finish() {
      for (const appender of appenders) appender.finish();
      for (const channel of channels)
        output.edit((file) => {
          const dataset = file.get(channel);
          if (dataset === null || !("create_attribute" in dataset))
            throw new Error(`there is no dataset ${channel}`);
          dataset.create_attribute("x0", indexToSeconds(start, sampleRate), null, "<d");
          dataset.create_attribute("dx", 1 / sampleRate, null, "<d");
          dataset.create_attribute("xunit", "s");
          dataset.create_attribute("unit", unit);
          dataset.create_attribute("name", channel);
          dataset.create_attribute("channel", channel);
        });
      await output.finish();
    },
    discard: () => output.discard(),
  };
}
