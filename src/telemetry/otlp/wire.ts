import type { EventBatch } from "../batch-format.ts";

/** A value that an attribute can have. */
export type AttributeValue = string | number | boolean;
export type Attributes = Readonly<Record<string, AttributeValue | undefined>>;

type AnyValue =
  | { readonly stringValue: string }
  | { readonly boolValue: boolean }
  | { readonly intValue: string }
  | { readonly doubleValue: number };

export interface KeyValue {
  readonly key: string;
  readonly value: AnyValue;
}

/** What the records of one resource are wrapped in, the same for every signal. */
export interface Resource {
  readonly attributes: readonly KeyValue[];
}

/** The instrumentation scope of everything that this package tells. */
export const scope: { readonly name: string } = { name: "ninelives" };

/** What the events of a batch come from: each sender is an instance of the service. */
export function resourceOf(batch: EventBatch, given: Attributes): Resource {
  return {
    attributes: attributes({
      "service.name": "unknown_service",
      "service.instance.id": batch.source.id,
      "resilience.source": batch.source.kind,
      ...given,
    }),
  };
}

/** Attributes as the protocol has them; what is undefined is left out. */
export function attributes(given: Attributes): KeyValue[] {
  return Object.entries(given).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: anyValue(value) }],
  );
}

function anyValue(value: AttributeValue): AnyValue {
  if (typeof value === "string") return { stringValue: value };
  if (typeof value === "boolean") return { boolValue: value };
  // 64-bit integers travel as texts.
  return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
}

/** A time in milliseconds since 1970 as nanoseconds in a text, precise to a microsecond. One that is no such time is 0. */
export function nanoseconds(ms: number): string {
  const microseconds = Math.round(ms * 1_000);
  return microseconds > 0 && microseconds <= Number.MAX_SAFE_INTEGER ? `${microseconds}000` : "0";
}
