import { StrainflowError } from "@strainflow/series";
import { type CallOptions, callLimits } from "./call-options.ts";
import type { ParameterValue } from "./request.ts";
import type { Servers } from "./transport/servers.ts";

/** An element, or a list of them, nested or not: the model's configuration says what it is, and of which shape. */
export type GenerateInput = string | number | bigint | boolean | readonly GenerateInput[];

/** What a model gives: a tensor of one element bare, others as flat lists. */
export type GenerateOutput = string | number | boolean | null | readonly GenerateOutput[];

/** Inputs by name, without a word on datatypes and shapes. */
export interface GenerateRequest {
  readonly inputs: Readonly<Record<string, GenerateInput>>;
  /** The answer has it too. */
  readonly id?: string;
  /** For the server (`priority`, `timeout`, `sequence_id`, …) and for models that read them. */
  readonly parameters?: Readonly<Record<string, ParameterValue>>;
}

/** Outputs by name. Whole numbers above 2⁵³ lose their last digits: JSON is read as JavaScript reads it. */
export interface GenerateAnswer {
  readonly outputs: Readonly<Record<string, GenerateOutput>>;
  readonly modelName: string;
  readonly modelVersion: string;
  /** As the request had it. */
  readonly id?: string;
}

/** Of `generateStream`, `timeoutMs` is how long each answer may take after the one before, and not how long all may. */
export interface GenerateOptions extends CallOptions {
  /** Default: whichever the server serves by default. */
  readonly version?: string;
}

/** Triton's calls in plain JSON. */
export interface Generating {
  /**
   * One request in plain words, for models of text above all: inputs and outputs by name, no datatypes, no shapes. By
   * HTTP only.
   *
   * @throws `no-generate` on a gRPC connection; `infer-refused`, also where the model gives none or several answers;
   *   `model-not-found`, `rpc-failed`, `deadline-exceeded`, `aborted`, `server-unavailable`
   */
  generate(modelName: string, request: GenerateRequest, options?: GenerateOptions): Promise<GenerateAnswer>;
  /**
   * The same with answers as they come, of a decoupled model any number. To leave the loop gives the rest up.
   *
   * @throws as `generate`; what came before has been given
   *
   * @example
   * ```ts
   * for await (const { outputs } of client.generateStream("llm", { inputs: { prompt: "GW150914 is" } }))
   *   process.stdout.write(String(outputs.text));
   * ```
   */
  generateStream(
    modelName: string,
    request: GenerateRequest,
    options?: GenerateOptions,
  ): AsyncGenerator<GenerateAnswer, void, undefined>;
}

export function createGenerating(servers: Servers, callTimeoutMs: number): Generating {
  return {
    generate: (modelName, request, { version = "", ...options } = {}) =>
      servers.ask((link) => {
        if (link.generate === undefined) throw noGenerate(link.address);
        const target = { name: modelName, version, decoupled: false };
        return link.generate(target, request, callLimits(options, callTimeoutMs));
      }),
    async *generateStream(modelName, request, { version = "", ...options } = {}) {
      const target = { name: modelName, version, decoupled: true };
      // Another server is asked in place of one that is away, and no longer once anything came.
      const [first, answers] = await servers.ask(async (link) => {
        if (link.generateStream === undefined) throw noGenerate(link.address);
        const stream = link.generateStream(target, request, callLimits(options, callTimeoutMs));
        return [await stream.next(), stream] as const;
      });
      if (first.done === true) return;
      try {
        yield first.value;
        yield* answers;
      } finally {
        await answers.return();
      }
    },
  };
}

function noGenerate(address: string): StrainflowError {
  return new StrainflowError(
    "no-generate",
    `${address} is reached by gRPC, which has no generate; connect to http://host:port`,
    { details: { address } },
  );
}
