import { Agent, type IncomingMessage, type ServerResponse } from "node:http";
import { fromBinary } from "@bufbuild/protobuf";
import { type ModelStatistics, ModelStatisticsResponseSchema } from "@strainflow/proto";
import { refuse } from "../http/refuse.ts";
import type { Pending } from "../models/model.ts";
import type { SequencePlace } from "../scheduling/scheduler.ts";
import type { Command } from "./commands.ts";
import { forwardHttp } from "./forward-http.ts";
import { homeOf } from "./home-of.ts";
import { httpPath } from "./open-doors.ts";
import type { ForwardedRequest, Others } from "./others.ts";
import { type CommandOutcome, checkOutcome, type ToServerFront } from "./questions.ts";
import { SequenceLink } from "./sequence-link.ts";

export interface NeighboursOptions {
  readonly index: number;
  readonly count: number;
  /** Asks the front. */
  readonly ask: (question: ToServerFront) => Promise<unknown>;
}

/** The other processes of the server, over local sockets and through the front. */
export class Neighbours implements Others {
  readonly #options: NeighboursOptions;
  readonly #links: readonly SequenceLink[];
  readonly #agent = new Agent({ keepAlive: true });
  #ready = false;

  constructor(options: NeighboursOptions) {
    this.#options = options;
    this.#links = Array.from({ length: options.count }, () => new SequenceLink());
  }

  get ready(): boolean {
    return this.#ready;
  }

  /** Where all listen now, by number, and whether all are ready. */
  meet(paths: readonly (string | undefined)[], ready: boolean): void {
    this.#ready = ready;
    for (const [index, link] of this.#links.entries())
      if (index !== this.#options.index) link.meet(paths[index]);
  }

  infer(place: SequencePlace, request: ForwardedRequest): Pending | undefined {
    return this.#linkTo(place.id)?.infer(place, request);
  }

  elsewhere(id: bigint | string): boolean {
    return this.#linkTo(id) !== undefined;
  }

  answer(id: bigint | string, request: IncomingMessage, body: Buffer, response: ServerResponse): void {
    this.#linkTo(id)
      ?.path()
      .then(
        (path) => forwardHttp({ socketPath: httpPath(path), agent: this.#agent }, request, body, response),
        (error: unknown) => refuse(response, error),
      );
  }

  async command(command: Command): Promise<void> {
    checkOutcome((await this.#options.ask({ kind: "command", command })) as CommandOutcome);
  }

  async statistics(): Promise<readonly ModelStatistics[]> {
    const bytes = await this.#options.ask({ kind: "statistics" });
    if (!(bytes instanceof Uint8Array)) throw new TypeError("the front answered with no statistics");
    return fromBinary(ModelStatisticsResponseSchema, bytes).modelStats;
  }

  close(): void {
    for (const link of this.#links) link.close();
    this.#agent.destroy();
  }

  #linkTo(id: bigint | string): SequenceLink | undefined {
    const { index, count } = this.#options;
    const home = homeOf(id, count);
    return home === index ? undefined : this.#links[home];
  }
}
