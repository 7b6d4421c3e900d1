import { buildMatchedFilter } from "@strainflow/repository";
import type { StreamingModel } from "@strainflow/series";
import { createTemplateBank, type TemplateBank } from "@strainflow/waveforms";
import { createBareModel } from "./bare-model.ts";

export interface BareDetector {
  readonly model: StreamingModel;
  readonly bank: TemplateBank;
}

/** The built-in detector with the first `templates` of its bank, in this process: the real network, no server. */
export async function createBareDetector(templates: number): Promise<BareDetector> {
  const channels = ["H1", "L1"];
  const strideSize = 128;
  const batchSize = 16;
  const bank = createTemplateBank({ count: templates, strideSize });
  const { files } = buildMatchedFilter({ bank, channels, strideSize, batchSize });
  const network = files["1/model.onnx"];
  if (!(network instanceof Uint8Array)) throw new TypeError("the detector has no network");
  const kernelSize = bank.templateSize + strideSize - 1;
  const { sampleRate } = bank;
  const model = await createBareModel({
    network,
    channels,
    sampleRate,
    strideSize,
    batchSize,
    kernelSize,
    latency: strideSize,
  });
  return { model, bank };
}
