// A live search: strain over ZeroMQ, conditioned, through a matched filter, as detections. Here a sender in this process
// plays simulated data at 32 times their pace; yours would be a site's, and your server perhaps a Triton.
import * as flow from "@strainflow/operators";
import { formatNs } from "@strainflow/series";
import { lightTravelTime } from "@strainflow/waveforms";
import { receive } from "@strainflow/zeromq";
import { lastValueFrom, merge, tap } from "rxjs";
import { sendSimulated, serveMatchedFilter } from "./support.ts";

const ifos = ["H1", "L1"];
await using detector = await serveMatchedFilter(ifos);
await using sender = await sendSimulated({ seconds: 64, speed: 32 });

const { model, templates } = detector;
const receiver = await receive({ endpoint: sender.endpoint, pattern: "sub" });
const sources = await receiver.sources(ifos);

const conditioned = merge(...sources.map((source) => flow.fromReader(source))).pipe(
  flow.align({ ifos }),
  flow.resample({ sampleRate: 2048 }),
  flow.overWhiten({ psdLength: 8, filterLength: 2 }),
);
const detections = conditioned.pipe(
  flow.inferSequence(model, { maxInFlight: 8 }),
  flow.rankTriggers(model, { templates, lightTravelTime: { "H1-L1": lightTravelTime("H1", "L1") } }),
  flow.clusterTriggers({ threshold: 8 }),
  tap(({ gpsNs, statistic }) =>
    console.log(`GPS ${formatNs(gpsNs, 3)}  network SNR ${statistic.toFixed(1)}`),
  ),
);
await lastValueFrom(detections, { defaultValue: undefined });
await receiver.close();
