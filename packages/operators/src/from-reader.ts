import { type Block, endNs, indexToNs, invalidOption, type Quantity, type Reader } from "@strainflow/series";
import { Observable } from "rxjs";
import { createFlow, withFlow } from "./flow.ts";

export interface FromReaderOptions {
  /**
   * Seconds of data that may be read ahead of what the asynchronous stages behind have finished. Default 64: more than
   * the latency of any usual pipeline, and 4 MB of two detectors at 4096 Hz.
   */
  readonly maxAhead?: number;
}

/**
 * Blocks of one or more readers.
 *
 * Several readers (one per detector, say) are pulled so that the one that is behind comes first; each keeps its own
 * rate, start and gaps: {@link align} makes one stream of them.
 *
 * Back-pressure follows time, not counts: a reader is pulled only while its own time is less than `maxAhead` seconds
 * before what the slowest asynchronous stage has finished, or that stage has nothing to do. Unsubscribing aborts the
 * readers at once, also in the middle of a read. The event loop gets a turn between two blocks.
 *
 * @throws (as an error notification) whatever a reader throws
 *
 * @example
 * ```ts
 * fromReader(await openHdf5("H-H1_*.hdf5")).pipe(resample({ sampleRate: 2048 }));
 * ```
 */
export function fromReader<Q extends Quantity>(
  readers: Reader<Q> | Iterable<Reader<Q>>,
  options: FromReaderOptions = {},
): Observable<Block<Q>> {
  const maxAhead = options.maxAhead ?? 64;
  if (!(maxAhead > 0)) throw invalidOption("fromReader", "maxAhead", maxAhead, "a number of seconds above 0");
  const all = Symbol.iterator in readers ? [...readers] : [readers];

  return new Observable<Block<Q>>((subscriber) => {
    const abort = new AbortController();
    const flow = createFlow(maxAhead);

    async function run(): Promise<void> {
      const open = all.map((reader) => ({
        iterator: reader.blocks({ signal: abort.signal })[Symbol.asyncIterator](),
        readNs: indexToNs(reader.start, reader.format.sampleRate),
      }));
      while (open.length > 0 && !abort.signal.aborted) {
        const behind = open.reduce((a, b) => (b.readNs < a.readNs ? b : a));
        await flow.ready(behind.readNs, abort.signal);
        const { done, value } = await behind.iterator.next();
        if (abort.signal.aborted) return;
        if (done === true) {
          open.splice(open.indexOf(behind), 1);
          continue;
        }
        behind.readNs = endNs(value);
        subscriber.next(withFlow(value, flow));
        await new Promise<void>((resolve) => setImmediate(resolve));
      }
    }

    run().then(
      () => subscriber.complete(),
      (error: unknown) => subscriber.error(error),
    );
    return () => abort.abort();
  });
}
