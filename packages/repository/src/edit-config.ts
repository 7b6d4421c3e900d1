import { clone, type DescField, type DescMessage, ScalarType } from "@bufbuild/protobuf";
import { type ReflectMessage, reflect } from "@bufbuild/protobuf/reflect";
import { type ModelConfig, ModelConfigSchema } from "@strainflow/proto";
import { invalidOption, isStrainflowError } from "@strainflow/series";
import type { ConfigChanges } from "./config-changes.ts";

export type { ConfigChanges } from "./config-changes.ts";

/**
 * A configuration with some of its fields changed; the one that is given stays as it was.
 *
 * Names are those of `config.pbtxt` in camel case, enumerations by their names there. What is not named keeps its value,
 * at every depth: `{ dynamicBatching: { maxQueueDelayMicroseconds: 500 } }` leaves the preferred sizes. Lists are
 * replaced whole, maps entry by entry, and `null` takes a field or an entry out.
 *
 * @example
 * ```ts
 * const faster = editConfig(config, {
 *   instanceGroup: [{ count: 2, kind: "KIND_GPU", gpus: [0, 1] }],
 *   dynamicBatching: { preferredBatchSize: [8, 16], maxQueueDelayMicroseconds: 500 },
 *   parameters: { intra_op_thread_count: 2 },
 * });
 * ```
 *
 * @throws `invalid-option` for a field that there is not, for a value that it does not take, and for a second way of
 *   scheduling beside the one that is there: take that out with `null`
 */
export function editConfig(config: ModelConfig, changes: ConfigChanges): ModelConfig {
  const edited = clone(ModelConfigSchema, config);
  checkScheduling(config, changes);
  merge(reflect(ModelConfigSchema, edited), changes, { name: config.name, path: "" });
  return edited;
}

const SCHEDULING = ["dynamicBatching", "sequenceBatching", "ensembleScheduling"] as const;

/** Batching of one kind would silently take the place of another, with all its states. */
function checkScheduling({ name, schedulingChoice }: ModelConfig, changes: ConfigChanges): void {
  const there = schedulingChoice.case;
  const asked = SCHEDULING.filter((kind) => changes[kind] !== undefined && changes[kind] !== null);
  const [first, second] = asked;
  if (second !== undefined)
    throw invalidOption(name, second, "given", `left out beside ${first}: a model is scheduled in one way`);
  if (there !== undefined && first !== undefined && first !== there && changes[there] !== null)
    throw invalidOption(
      name,
      first,
      "given",
      `left out of a model with ${there}; pass ${there}: null to put it in its place`,
    );
}

interface Place {
  /** The model's. */
  readonly name: string;
  /** Of the field, from the configuration's top. */
  readonly path: string;
}

function merge(message: ReflectMessage, changes: object, place: Place): void {
  for (const [key, value] of Object.entries(changes) as [string, unknown][]) {
    if (value === undefined) continue;
    const at = { ...place, path: place.path === "" ? key : `${place.path}.${key}` };
    const field = message.desc.fields.find((candidate) => candidate.localName === key);
    if (field === undefined)
      throw invalidOption(place.name, at.path, show(value), `one of ${names(message.desc)}`);
    try {
      // Asked for by name, a member of a choice is taken out only if it is the one that is set.
      if (value === null) message.clear(field);
      else set(message, field, value, at);
    } catch (error) {
      if (isStrainflowError(error)) throw error;
      throw invalidOption(
        place.name,
        at.path,
        show(value),
        error instanceof Error ? error.message : "another",
      );
    }
  }
}

function set(message: ReflectMessage, field: DescField, value: unknown, at: Place): void {
  switch (field.fieldKind) {
    case "scalar":
      return message.set(field, toScalar(field.scalar, value));
    case "enum":
      return message.set(field, toEnum(field, value, at));
    case "message": {
      const inner = message.isSet(field) ? message.get(field) : reflect(field.message);
      merge(inner, toObject(value, at), at);
      return message.set(field, inner);
    }
    case "list": {
      if (!Array.isArray(value)) throw invalidOption(at.name, at.path, show(value), "a list");
      message.clear(field);
      const list = message.get(field);
      for (const [i, item] of (value as unknown[]).entries())
        list.add(toElement(field, item, undefined, { ...at, path: `${at.path}[${i}]` }));
      return;
    }
    case "map": {
      const map = message.get(field);
      for (const [key, entry] of Object.entries(toObject(value, at)) as [string, unknown][]) {
        if (entry === undefined) continue;
        const mapKey = field.mapKey === ScalarType.STRING ? key : BigInt(key);
        if (entry === null) map.delete(mapKey);
        else map.set(mapKey, toElement(field, entry, map.get(mapKey), { ...at, path: `${at.path}.${key}` }));
      }
      return;
    }
  }
}

type Collection = DescField & { readonly fieldKind: "list" | "map" };

/** An element of a list or a map; of a message that was there before, what is not named stays. */
function toElement(field: Collection, value: unknown, before: unknown, at: Place): unknown {
  const kind = field.fieldKind === "list" ? field.listKind : field.mapKind;
  if (kind === "enum") return toEnum(field, value, at);
  if (kind === "scalar" || field.message === undefined) return toScalar(field.scalar, value);
  const message = isMessage(before) ? before : reflect(field.message);
  // Parameters are strings inside messages of their own.
  const isText = typeof value === "string" || typeof value === "number";
  const wrapped = isText && field.message.typeName === "inference.ModelParameter";
  merge(message, wrapped ? { stringValue: String(value) } : toObject(value, at), at);
  return message;
}

function isMessage(value: unknown): value is ReflectMessage {
  return typeof value === "object" && value !== null && "desc" in value;
}

function toScalar(type: ScalarType | undefined, value: unknown): unknown {
  const long = type === ScalarType.INT64 || type === ScalarType.UINT64;
  return long && typeof value === "number" && Number.isSafeInteger(value) ? BigInt(value) : value;
}

function toEnum(field: DescField, value: unknown, at: Place): number {
  const values = field.enum?.values ?? [];
  const found = values.find(({ name }) => name === value);
  if (found !== undefined) return found.number;
  throw invalidOption(at.name, at.path, show(value), `one of ${values.map(({ name }) => name).join(", ")}`);
}

function toObject(value: unknown, at: Place): object {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw invalidOption(at.name, at.path, show(value), "an object of fields");
}

const names = (desc: DescMessage): string => desc.fields.map(({ localName }) => localName).join(", ");

function show(value: unknown): string {
  return (
    JSON.stringify(value, (_, inner: unknown) => (typeof inner === "bigint" ? String(inner) : inner)) ??
    "nothing"
  );
}
