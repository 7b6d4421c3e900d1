import { describe } from "vitest";

/** One of the two servers. */
export type ServerName = "triton" | "embedded";

/** A server under test; reached when a test runs, not before. */
export interface Subject {
  readonly name: ServerName;
  /** `host:port` */
  readonly grpc: string;
  /** `http://host:port` */
  readonly http: string;
}

/** Where the embedded server answers otherwise, and why it is meant to. */
export interface Differs<T> {
  readonly why: string;
  readonly embedded: T;
}

/**
 * What a server is expected to say: Triton's own answer, and for the embedded server that too, unless the table gives
 * it another one with a reason.
 */
export function expected<T>(subject: Subject, triton: T, differs?: Differs<T>): T {
  return subject.name === "embedded" && differs !== undefined ? differs.embedded : triton;
}

/** Tests of one part of the protocol; `subject` is there once they run. */
export type Topic = (subject: () => Subject) => void;

export function topic(name: string, tests: Topic): Topic {
  return (subject) => describe(name, () => tests(subject));
}
