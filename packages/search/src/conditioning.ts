import type { StreamingSpec } from "@strainflow/series";
import type { SearchSettings } from "./settings.ts";

/** How a search over-whitens for a model: the settings, and blocks of one update where they fit between two PSDs. */
export function conditioningOf(
  settings: SearchSettings,
  { strideSize, batchSize }: Pick<StreamingSpec, "strideSize" | "batchSize">,
): Pick<SearchSettings, "psdLength" | "fftLength" | "filterLength" | "highpass" | "psdStride"> & {
  readonly latencyBlock?: number;
} {
  const { sampleRate, psdLength, fftLength, filterLength, highpass, psdStride } = settings;
  const updateSize = strideSize * batchSize;
  return {
    psdLength,
    fftLength,
    filterLength,
    highpass,
    psdStride,
    // Conditioned in blocks of one update: a smaller one would only wait for the rest of its update.
    ...((psdStride * sampleRate) % updateSize === 0 ? { latencyBlock: updateSize } : {}),
  };
}
