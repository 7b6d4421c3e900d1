// An archive, searched again: many files in any order, bad quality left out, the same search as `strainflow replay`.
import { createHdf5Writer, openHdf5 } from "@strainflow/hdf5";
import { fromReader, measure } from "@strainflow/operators";
import { addMatchedFilter, createRepository } from "@strainflow/repository";
import { completeSettings, countLivetime, search } from "@strainflow/search";
import { formatNs } from "@strainflow/series";
import { createServer } from "@strainflow/server";
import { createTemplateBank } from "@strainflow/waveforms";
import { lastValueFrom, tap } from "rxjs";
import { scratchFolder, simulated } from "./support.ts";

await using folder = await scratchFolder();
for (const reader of simulated(96)) {
  const writer = createHdf5Writer(`${folder.path}/${reader.format.channels[0]}.hdf5`, { layout: "gwosc" });
  for await (const block of reader.blocks({ signal: new AbortController().signal }))
    await writer.write(block);
  await writer.close();
}

const bank = createTemplateBank({ count: 16 });
await addMatchedFilter(await createRepository(`${folder.path}/models`), {
  bank,
  channels: ["H1", "L1"],
  strideSize: 128,
  batchSize: 16,
});
const server = await createServer({ repository: `${folder.path}/models` });

const archive = await openHdf5(`${folder.path}/*.hdf5`, { requireQuality: ["DATA"] });
const livetime = countLivetime();
const strain = fromReader(archive.readers.values()).pipe(
  measure("read", { report: ({ rate }) => console.log(`read at ${rate.toFixed(0)} × real time`) }),
);
await lastValueFrom(
  search(strain, server.inProcess("matched-filter-stream"), bank.templates, completeSettings({}), {
    ranked: (block) => livetime.add(block),
  }).pipe(
    tap(({ gpsNs, statistic }) =>
      console.log(`GPS ${formatNs(gpsNs, 3)}  network SNR ${statistic.toFixed(1)}`),
    ),
  ),
  { defaultValue: undefined },
);
console.log(`searched ${livetime.result().searchedSeconds.toFixed(1)} s`);
await server.close();
