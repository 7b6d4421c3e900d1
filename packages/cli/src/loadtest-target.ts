import type { HandlerUnderLoad, InputSource, ModelUnderLoad } from "@strainflow/loadtest";
import { StrainflowError } from "@strainflow/series";
import type { CredentialOptions } from "@strainflow/triton";
import { readBody } from "./loadtest-flags.ts";

/** Flags that say what is put under load. */
export interface TargetFlags {
  readonly model?: string;
  readonly modelVersion?: string;
  readonly streaming?: boolean;
  readonly batch: number;
  readonly input?: InputSource;
  readonly expect?: Readonly<Record<string, string>>;
  readonly shape?: Readonly<Record<string, readonly number[]>>;
  readonly check?: "expected" | "first" | "none";
  readonly tolerance?: number;
  readonly sequences?: number | boolean;
  readonly sequenceLength?: number;
  readonly sequenceLengthVariation?: number;
  readonly sequenceStartId?: number;
  readonly sequenceIdRange?: number;
  readonly sequenceIdPrefix?: string;
  readonly body?: string;
  readonly method?: string;
  readonly header?: Readonly<Record<string, string>>;
}

/** How all targets of a run are spoken to. */
export interface TargetAccess {
  readonly credentials: CredentialOptions;
  address(given: string): string;
}

/** What is put under load: a model where one is named, else a handler. @throws `usage`, `loadtest-input` */
export async function targetOf(
  server: string,
  flags: TargetFlags,
  access: TargetAccess,
): Promise<ModelUnderLoad | HandlerUnderLoad> {
  const { model, header } = flags;
  if (model === undefined) return handlerOf(server, flags, access.credentials);
  for (const [name, value] of [
    ["--body", flags.body],
    ["--method", flags.method],
  ])
    if (value !== undefined)
      throw new StrainflowError("usage", `${name} is for HTTP handlers, without --model`);
  const input = inputOf(flags);
  return {
    server: access.address(server),
    model,
    batchSize: flags.batch,
    sequences: sequencesOf(flags),
    ...(flags.modelVersion === undefined ? {} : { version: flags.modelVersion }),
    ...(flags.streaming === undefined ? {} : { streaming: flags.streaming }),
    connect: { ...access.credentials, ...(header === undefined ? {} : { headers: header }) },
    ...(input === undefined ? {} : { inputs: input }),
    ...(flags.shape === undefined ? {} : { shapes: flags.shape }),
    ...(flags.check === undefined ? {} : { check: flags.check }),
    ...(flags.tolerance === undefined ? {} : { tolerance: { relative: flags.tolerance } }),
  };
}

async function handlerOf(
  url: string,
  flags: TargetFlags,
  { bearerToken, ...tls }: CredentialOptions,
): Promise<HandlerUnderLoad> {
  if (!/^https?:\/\//.test(url))
    throw new StrainflowError(
      "usage",
      `${url} is no URL of an HTTP handler; give --model for a model's server`,
    );
  if (flags.check === "expected")
    throw new StrainflowError(
      "usage",
      "--check expected needs --model and its data; a handler's answers are held against the first",
    );
  const body = flags.body === undefined ? undefined : await readBody(flags.body);
  const authorization =
    typeof bearerToken === "string" ? { authorization: `Bearer ${bearerToken}` } : undefined;
  const headers = {
    ...authorization,
    ...(body?.json === true ? { "content-type": "application/json" } : {}),
    ...flags.header,
  };
  return {
    url,
    headers,
    tls,
    ...(body === undefined ? {} : { body: body.bytes }),
    ...(flags.method === undefined ? {} : { method: flags.method.toUpperCase() }),
    ...(flags.check === undefined ? {} : { check: flags.check }),
  };
}

function inputOf({ input, expect }: TargetFlags): InputSource | undefined {
  if (expect === undefined) return input;
  if (input?.kind !== "npy")
    throw new StrainflowError(
      "usage",
      "--expect goes with --input name=file.npy; a JSON file has validation_data",
    );
  return { ...input, expected: expect };
}

/** Flags about sequences ask for them; without any, the model says whether it has them. */
function sequencesOf(flags: TargetFlags): NonNullable<ModelUnderLoad["sequences"]> {
  if (flags.sequences === false) return false;
  const given = {
    ...(typeof flags.sequences === "number" ? { count: flags.sequences } : {}),
    ...(flags.sequenceLength === undefined ? {} : { length: flags.sequenceLength }),
    ...(flags.sequenceLengthVariation === undefined
      ? {}
      : { lengthVariation: flags.sequenceLengthVariation }),
    ...(flags.sequenceStartId === undefined ? {} : { startId: flags.sequenceStartId }),
    ...(flags.sequenceIdRange === undefined ? {} : { idRange: flags.sequenceIdRange }),
    ...(flags.sequenceIdPrefix === undefined ? {} : { idPrefix: flags.sequenceIdPrefix }),
  };
  return Object.keys(given).length === 0 ? "auto" : given;
}
