import { type KnobsChange, resources } from "../wire.ts";

/** A change of knobs that cannot be. */
export class BadChange {
  readonly status: 400 | 413;
  readonly message: string;

  constructor(message: string, status: 400 | 413 = 400) {
    this.message = message;
    this.status = status;
  }
}

const longest = 2000;

interface Field {
  readonly valid: (value: unknown) => boolean;
  readonly expected: string;
}

const fields: { readonly [F in keyof KnobsChange]-?: Field } = {
  by: { valid: (value) => value === "visitor" || value === "scenario", expected: "visitor or scenario" },
  resource: {
    valid: (value) => resources.some((each) => each === value),
    expected: `one of ${resources.join(", ")}`,
  },
  latency: { valid: (value) => isBetween(value, 0, 10_000), expected: "0 to 10000 milliseconds" },
  errorRate: { valid: (value) => isBetween(value, 0, 1), expected: "a number from 0 to 1" },
  outage: { valid: (value) => typeof value === "boolean", expected: "true or false" },
  note: {
    valid: (value) => typeof value === "string" && value.length <= 100,
    expected: "a text of at most 100 characters",
  },
};

/** Reads the body of `PUT /knobs`. */
export function readChange(text: string): KnobsChange | BadChange {
  if (text.length > longest) return new BadChange(`a change is at most ${longest} characters long`, 413);
  let input: unknown;
  try {
    input = JSON.parse(text);
  } catch {
    return new BadChange("a change must be JSON");
  }
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    return new BadChange("a change must be a JSON object");
  }
  if (!("by" in input)) return new BadChange("by must say who turns the knobs: visitor or scenario");
  for (const [name, value] of Object.entries(input)) {
    const field = Object.hasOwn(fields, name) ? fields[name as keyof KnobsChange] : undefined;
    if (field === undefined) return new BadChange(`${JSON.stringify(name)} is no knob`);
    if (!field.valid(value)) {
      return new BadChange(`${name} must be ${field.expected}, but is ${JSON.stringify(value)}`);
    }
  }
  return input as KnobsChange;
}

function isBetween(value: unknown, low: number, high: number): boolean {
  return typeof value === "number" && value >= low && value <= high;
}
