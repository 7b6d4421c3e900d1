import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Certificate } from "./certificate.ts";

/** Whether `openssl` is there to make certificates with. */
export const hasOpenssl: boolean = answers();

function answers(): boolean {
  try {
    execFileSync("openssl", ["version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

export interface Authority {
  /** PEM of its own certificate. */
  readonly cert: string;
  /** A certificate that it vouches for, valid for a name or address. */
  issue(subject: string): Certificate;
}

/** A certificate authority of today, made in a folder that is gone when this returns. */
export function createAuthority(): Authority {
  const folder = mkdtempSync(join(tmpdir(), "strainflow-authority-"));
  const file = (name: string): string => join(folder, name);
  const openssl = (...args: readonly string[]): void => {
    execFileSync("openssl", args, { stdio: "pipe" });
  };
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"] as const;
  try {
    openssl(
      "req",
      "-x509",
      ...newKey,
      "-keyout",
      file("ca.key"),
      "-out",
      file("ca.pem"),
      "-subj",
      "/CN=authority",
      "-days",
      "1",
    );
    const cert = readFileSync(file("ca.pem"), "utf8");
    const key = readFileSync(file("ca.key"), "utf8");
    return { cert, issue: (subject) => issue(cert, key, subject) };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function issue(authority: string, authorityKey: string, subject: string): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "strainflow-authority-"));
  const file = (name: string): string => join(folder, name);
  try {
    writeFileSync(file("ca.pem"), authority);
    writeFileSync(file("ca.key"), authorityKey);
    const kind = /^[\d.]+$/.test(subject) ? "IP" : "DNS";
    writeFileSync(file("names"), `subjectAltName=${kind}:${subject}\n`);
    const run = (...args: readonly string[]): void => {
      execFileSync("openssl", args, { stdio: "pipe" });
    };
    run(
      "req",
      "-newkey",
      "ec",
      "-pkeyopt",
      "ec_paramgen_curve:P-256",
      "-nodes",
      "-keyout",
      file("key"),
      "-out",
      file("request"),
      "-subj",
      `/CN=${subject}`,
    );
    run(
      "x509",
      "-req",
      "-in",
      file("request"),
      "-CA",
      file("ca.pem"),
      "-CAkey",
      file("ca.key"),
      "-CAcreateserial",
      "-out",
      file("pem"),
      "-days",
      "1",
      "-extfile",
      file("names"),
    );
    return { cert: readFileSync(file("pem"), "utf8"), key: readFileSync(file("key"), "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}
