import { type Running, startSubject } from "../conformance/subjects.ts";
import { FUZZED_MODELS } from "./asked.ts";
import type { HttpCase } from "./http-case.ts";
import { type FuzzOutcome, GrpcFuzzer, sendHttp } from "./outcome.ts";

/** What came of a request that the real Triton did not survive. */
export const DIED: FuzzOutcome = { status: "died", text: "", effect: null };

/** A real Triton that is started anew when a request has killed it. */
export class RealOpponent {
  #running: Running;
  #grpc: GrpcFuzzer;

  private constructor(running: Running) {
    this.#running = running;
    this.#grpc = new GrpcFuzzer(running.grpc);
  }

  static async start(): Promise<RealOpponent> {
    return new RealOpponent(await startSubject("triton", { only: FUZZED_MODELS }));
  }

  async grpc(bytes: Uint8Array): Promise<FuzzOutcome> {
    const outcome = await this.#grpc.send(bytes);
    return outcome.status === "UNAVAILABLE" ? this.#revive(outcome) : outcome;
  }

  async http(one: HttpCase): Promise<FuzzOutcome> {
    const outcome = await sendHttp(this.#running.http, one);
    return outcome.status === "nothing" ? this.#revive(outcome) : outcome;
  }

  async #revive(outcome: FuzzOutcome): Promise<FuzzOutcome> {
    const alive = await fetch(`${this.#running.http}/v2/health/live`).then(
      () => true,
      () => false,
    );
    if (alive) return outcome;
    await this.stop();
    this.#running = await startSubject("triton", { only: FUZZED_MODELS });
    this.#grpc = new GrpcFuzzer(this.#running.grpc);
    return DIED;
  }

  async stop(): Promise<void> {
    this.#grpc.close();
    await this.#running.stop();
  }
}
