import type { Tensor } from "./tensor.ts";

/**
 * One record of a file of events: everything that a model is told about it.
 *
 * Tensors are ragged from record to record: their shapes come from the record, not from the model's configuration.
 */
export interface EventRecord {
  readonly kind: "event";
  /** Names the event to people: `run/subrun/event`, say. */
  readonly id: string;
  /** Place in the file, from 0. */
  readonly index: number;
  readonly inputs: Readonly<Record<string, Tensor>>;
}

/** A record that is there and cannot be used; those after it can. */
export interface UnreadableEvent {
  readonly kind: "unreadable";
  readonly id: string;
  readonly index: number;
  /** What is wrong with it, and where. */
  readonly error: Error;
}

export type EventItem = EventRecord | UnreadableEvent;
