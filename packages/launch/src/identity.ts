import { StrainflowError } from "@strainflow/series";
import { connect } from "@strainflow/triton";

/** Until the signal: whoever waits has the limit, and the words for it. */
const FOR_EVER_MS = 2 ** 31 - 1;

/**
 * Waits until the server at `address` is ready, and sees that it is the one that was started: what answers on a port
 * may be somebody else's, which held it before or took it first.
 *
 * @throws `launch-failed` if another answers; what `connect` throws if none does
 */
export async function checkIdentity(address: string, id: string, signal: AbortSignal): Promise<void> {
  const client = await connect(address, { waitMs: FOR_EVER_MS, signal });
  client.close();
  if (client.server.name !== id)
    throw new StrainflowError(
      "launch-failed",
      `another server answers at ${address}: it calls itself "${client.server.name}", ours is "${id}"; choose another port, or 0 for any free one`,
      { details: { address, found: client.server.name, id } },
    );
}
