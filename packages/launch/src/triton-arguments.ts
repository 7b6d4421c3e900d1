import { resolve } from "node:path";
import { invalidOption } from "@strainflow/series";
import type { ServerPorts } from "./server-ports.ts";

export interface TritonArguments {
  /** As the server sees it. */
  readonly repository: string;
  /** What it calls itself; its answers carry it, and so prove that they are its own. */
  readonly id: string;
  readonly listen: { readonly host: string } & ServerPorts;
  readonly more: readonly string[];
}

const OWN =
  /^--?(?:id|model-repository|model-store|(?:allow|reuse)-(?:grpc|http|metrics|grpc-port|http-port)|(?:grpc|http|metrics)-(?:port|address))(?:=|$)/;

/** @throws `invalid-option` where an argument would say otherwise than an option */
export function tritonArguments({ repository, id, listen, more }: TritonArguments): string[] {
  const own = more.find((argument) => OWN.test(argument));
  if (own !== undefined)
    throw invalidOption(
      "launch",
      "serverArgs",
      own,
      "none that `repository`, `host`, `grpcPort`, `httpPort` and `metricsPort` stand for: those are launch's",
    );
  const { host, grpc, http, metrics } = listen;
  return [
    `--model-repository=${repository}`,
    `--id=${id}`,
    `--grpc-address=${host}`,
    `--grpc-port=${grpc}`,
    ...(http === false ? ["--allow-http=false"] : [`--http-address=${host}`, `--http-port=${http}`]),
    ...(metrics === false
      ? ["--allow-metrics=false"]
      : [`--metrics-address=${host}`, `--metrics-port=${metrics}`]),
    ...more,
  ];
}

/** Whether a repository lies in a store that Triton reads by itself. */
export function isRemote(repository: string): boolean {
  return /^(?:s3|gs|as):\/\//.test(repository);
}

/** The repository's full path; what is not a folder here stays as it is. */
export function repositoryPath(repository: string): string {
  return isRemote(repository) ? repository : resolve(repository);
}

/** Triton 2.51's python backend cuts its own command line at spaces, and then waits for ever for what it started. */
export function spaceHint(...paths: readonly string[]): string | undefined {
  const path = paths.find((one) => /\s/.test(one));
  return path === undefined
    ? undefined
    : `"${path}" has a space in it, with which Triton's python backend does not start`;
}
