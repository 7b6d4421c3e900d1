import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import type { LaunchOptions } from "@strainflow/launch";
import { StrainflowError } from "@strainflow/series";
import { type Command, Option } from "commander";
import { flagValue } from "./flag-values.ts";
import {
  addLimitFlags,
  checkLimitFlags,
  LIMIT_FLAGS,
  type LimitFlags,
  limitOptionsOf,
} from "./serve-limits.ts";

/** What only our own server takes. */
export interface EmbeddedFlags extends LimitFlags {
  readonly workers?: number;
  readonly insecure?: boolean;
  readonly metricsPort?: number;
  readonly metrics: boolean;
  readonly modelControl?: "none" | "poll" | "explicit";
  readonly load?: readonly string[];
  readonly poll?: number;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly tlsClientCa?: string;
  readonly tokenFile?: string;
  readonly logFormat?: "text" | "json";
  readonly pushTo?: string;
  readonly pushInterval?: number;
  readonly handOver?: boolean;
}

type EmbeddedOptions = Omit<Extract<LaunchOptions, { runtime: "embedded" }>, "runtime" | "repository">;

const gather = (text: string, before: readonly string[] = []): readonly string[] => [...before, text];

export const EMBEDDED_FLAGS: readonly (readonly [keyof EmbeddedFlags, string])[] = [
  ["workers", "--workers"],
  ["modelControl", "--model-control"],
  ["load", "--load"],
  ["poll", "--poll"],
  ["tlsCert", "--tls-cert"],
  ["tlsKey", "--tls-key"],
  ["tlsClientCa", "--tls-client-ca"],
  ["tokenFile", "--token-file"],
  ["logFormat", "--log-format"],
  ["pushTo", "--push-to"],
  ["pushInterval", "--push-interval"],
  ["handOver", "--hand-over"],
  ...LIMIT_FLAGS,
];

export function addEmbeddedFlags(command: Command): Command {
  return addLimitFlags(command)
    .addOption(
      new Option(
        "--model-control <mode>",
        "embedded: what is loaded, and when: all at the start, that and what changes, or what clients ask for (default: none)",
      ).choices(["none", "poll", "explicit"]),
    )
    .option(
      "--load <model>",
      "embedded: loaded at the start in mode explicit; * is all; may be repeated",
      gather,
    )
    .option(
      "--poll <s>",
      "embedded: between looks at the repository in mode poll (default: 15)",
      flagValue.positive,
    )
    .option("--tls-cert <file>", "embedded: certificate in PEM; gRPC, HTTP and metrics are encrypted")
    .option("--tls-key <file>", "embedded: its key in PEM")
    .option("--tls-client-ca <file>", "embedded: clients must show a certificate that one of these signed")
    .option("--token-file <file>", "embedded: requests need a token; on each line read or admin, and a token")
    .addOption(
      new Option(
        "--log-format <form>",
        "embedded: the server's lines, as text or JSON (default: text)",
      ).choices(["text", "json"]),
    )
    .option("--hand-over", "embedded: clients may take states of sequences out and put them in");
}

/** @throws `usage` where one flag needs another */
export function checkEmbeddedFlags(flags: EmbeddedFlags): void {
  const need = (has: boolean, flag: string, other: string): void => {
    if (has) throw new StrainflowError("usage", `${flag} needs ${other}`);
  };
  need(flags.load !== undefined && flags.modelControl !== "explicit", "--load", "--model-control explicit");
  need(flags.poll !== undefined && flags.modelControl !== "poll", "--poll", "--model-control poll");
  need((flags.tlsCert === undefined) !== (flags.tlsKey === undefined), "TLS", "--tls-cert and --tls-key");
  need(
    flags.tlsClientCa !== undefined && flags.tlsCert === undefined,
    "--tls-client-ca",
    "--tls-cert and --tls-key",
  );
  need(flags.pushInterval !== undefined && flags.pushTo === undefined, "--push-interval", "--push-to");
  checkLimitFlags(flags);
}

/** Clients must show who they are. */
export function isGuarded(flags: EmbeddedFlags): boolean {
  return flags.tokenFile !== undefined || flags.tlsClientCa !== undefined;
}

/** What other commands have to be told to be served by it; the authority of a certificate that is not its own is not ours to know. */
export function reachingFlags({ tlsCert, tlsClientCa, tokenFile }: EmbeddedFlags): string {
  return [
    ...(tlsCert === undefined
      ? []
      : [`--tls-ca ${isSelfSigned(tlsCert) ? tlsCert : "<who signed its certificate>"}`]),
    ...(tlsClientCa === undefined ? [] : ["--tls-cert <theirs> --tls-key <its key>"]),
    ...(tokenFile === undefined ? [] : [`--token-file ${tokenFile}`]),
  ].join(" ");
}

function isSelfSigned(path: string): boolean {
  const certificate = new X509Certificate(readFileSync(path));
  return certificate.issuer === certificate.subject;
}

export function embeddedOptionsOf(flags: EmbeddedFlags): EmbeddedOptions {
  const { workers, insecure, metricsPort, metrics, modelControl, load, poll, tokenFile, handOver } = flags;
  const { tlsCert, tlsKey, tlsClientCa, logFormat, pushTo: url, pushInterval } = flags;
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? undefined
      : {
          certificate: tlsCert,
          key: tlsKey,
          ...(tlsClientCa === undefined ? {} : { clientAuthorities: tlsClientCa }),
        };
  const interval = pushInterval === undefined ? {} : { intervalMs: Math.max(1, pushInterval * 1000) };
  return {
    ...(workers === undefined ? {} : { workers }),
    ...(insecure === undefined ? {} : { insecure }),
    ...(metrics ? {} : { metricsPort: false }),
    ...(metrics && metricsPort !== undefined ? { metricsPort } : {}),
    ...(modelControl === undefined ? {} : { modelControl }),
    ...(load === undefined ? {} : { startupModels: load }),
    ...(poll === undefined ? {} : { pollMs: Math.max(1, Math.round(poll * 1000)) }),
    ...(tls === undefined ? {} : { tls }),
    ...(tokenFile === undefined ? {} : { tokenFile }),
    ...(logFormat === undefined ? {} : { logForm: logFormat }),
    ...(url === undefined ? {} : { pushMetrics: { url, ...interval } }),
    ...(handOver === undefined ? {} : { handOver }),
    ...limitOptionsOf(flags),
  };
}
