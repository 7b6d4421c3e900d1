import { Pull, Push } from "zeromq";

/** A stretch of road between a sender and its receiver on which messages get lost. */
export interface LossyRelay {
  /** Where the receiver connects to. */
  readonly endpoint: string;
  /** Data messages that did not arrive, as `ifo:number`. */
  readonly dropped: ReadonlySet<string>;
  close(): void;
}

/**
 * Passes messages from the `push` sender at `from` on, but for the data messages that `isLost` names by detector and
 * number.
 *
 * What it reads of a message is what the protocol promises: byte 4 is its kind (0: data), bytes 16 to 23 its number in
 * its stream, and from byte 72 on the channels' names.
 */
export async function startLossyRelay(
  from: string,
  isLost: (ifo: string, sequence: number) => boolean,
): Promise<LossyRelay> {
  const input = new Pull({ linger: 0 });
  const output = new Push({ linger: 5000 });
  await output.bind("tcp://127.0.0.1:*");
  input.connect(from);
  const dropped = new Set<string>();
  let isClosed = false;
  const pass = async (): Promise<void> => {
    for await (const frames of input) {
      const header = frames[0]!;
      const ifo = header.toString("utf8", 72, 72 + header.readUInt16LE(68));
      const sequence = Number(header.readBigUInt64LE(16));
      if (header[4] === 0 && isLost(ifo, sequence)) dropped.add(`${ifo}:${sequence}`);
      else await output.send(frames);
    }
  };
  pass().catch((error: unknown) => {
    if (!isClosed) throw error;
  });
  return {
    endpoint: output.lastEndpoint!,
    dropped,
    close() {
      isClosed = true;
      input.close();
      output.close();
    },
  };
}
