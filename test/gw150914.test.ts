import { openHdf5 } from "@strainflow/hdf5";
import { fromReader } from "@strainflow/operators";
import { buildMatchedFilter } from "@strainflow/repository";
import { completeSettings, createRecorder, type RunRecord, search } from "@strainflow/search";
import { createTemplateBank } from "@strainflow/waveforms";
import { lastValueFrom, map, toArray } from "rxjs";
import { beforeAll, describe, expect, it } from "vitest";
import { createBareModel } from "./support/bare-model.ts";
import { gwosc, withoutGwosc } from "./support/shared.ts";

describe.skipIf(withoutGwosc)("GW150914, found in the published strain (needs ../shared/gwosc)", () => {
  let run: RunRecord;

  beforeAll(async () => {
    const strideSize = 128;
    const batchSize = 16;
    const bank = createTemplateBank({
      masses: [
        [39, 33],
        [36, 31],
        [30, 25],
        [45, 40],
        [50, 30],
        [25, 20],
        [20, 18],
        [40, 20],
      ].map(([mass1 = 1, mass2 = 1]) => ({ mass1, mass2 })),
    });
    const network = buildMatchedFilter({ bank, channels: ["H1", "L1"], strideSize, batchSize });
    const model = await createBareModel({
      network: network.files["1/model.onnx"] as Uint8Array,
      channels: ["H1", "L1"],
      sampleRate: 2048,
      strideSize,
      batchSize,
      kernelSize: bank.templateSize + strideSize - 1,
      latency: strideSize,
    });
    const settings = completeSettings({});
    const source = await openHdf5([gwosc.H1, gwosc.L1]);
    const recorder = createRecorder(settings, bank.templates.length, strideSize);
    await lastValueFrom(
      search(fromReader(source.readers.values()), model, bank.templates, settings, recorder).pipe(
        map((detection) => recorder.detection(detection)),
        toArray(),
      ),
    );
    run = recorder.result();
    console.log(
      run.detections.map((d) => ({ ...d, panels: undefined })),
      run.livetime,
      run.calibration,
    );
  });

  it("finds it, and nothing else above network SNR 8", () => {
    expect(run.detections).toHaveLength(1);
  });
});
