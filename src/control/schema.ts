import { type Duration, formatDuration, milliseconds, quote } from "../core/duration.ts";
import { CommandError } from "./command-error.ts";

/** A JSON Schema (draft 2020-12), as OpenAPI 3.1 takes it. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** What a value must be: the same thing checks it and says so to others. */
export interface Schema<out T> {
  readonly json: JsonSchema;
  /** It may be left out of the object that it is in. */
  readonly optional?: true;
  /** The value as a log may have it, also one that does not fit; absent where nothing in it is secret. */
  readonly hide?: (value: unknown) => unknown;
  /** @throws CommandError of the kind `invalid-arguments` that names the path and quotes the value */
  read(value: unknown, path: string): T;
}

/** What an object of such fields reads to. */
export type Fields<F extends Readonly<Record<string, Schema<unknown>>>> = {
  readonly [K in keyof F]: F[K] extends Schema<infer T> ? T : never;
};

/**
 * An object that has these fields and no others.
 *
 * @example
 * const input = object({ region: text(), count: optional(wholeNumber({ least: 1 })) });
 */
export function object<const F extends Readonly<Record<string, Schema<unknown>>>>(
  fields: F,
): Schema<Fields<F>> {
  const names = Object.keys(fields);
  const required = names.filter((name) => fields[name]?.optional === undefined);
  const holdsSecrets = names.some((name) => fields[name]?.hide !== undefined);
  const hide = (value: unknown) =>
    isObject(value)
      ? Object.fromEntries(
          Object.entries(value).map(([name, each]) => [
            name,
            // A name that is not there may be the misspelt one of a secret.
            Object.hasOwn(fields, name) ? (fields[name]?.hide?.(each) ?? each) : hidden,
          ]),
        )
      : hidden;
  return {
    ...(holdsSecrets && { hide }),
    json: {
      type: "object",
      properties: Object.fromEntries(names.map((name) => [name, fields[name]?.json])),
      ...(required.length > 0 && { required }),
      additionalProperties: false,
    },
    read(value, path) {
      if (!isObject(value)) return refuse(path, "an object", holdsSecrets ? hidden : value);
      for (const name of Object.keys(value)) {
        if (Object.hasOwn(fields, name)) continue;
        const has = names.length === 0 ? "none" : names.join(", ");
        throw invalid(`there is no ${inside(path, name).slice(0, 100)}; there is ${has}`);
      }
      return Object.fromEntries(
        Object.entries(fields).map(([name, schema]) => [
          name,
          schema.read(Object.hasOwn(value, name) ? value[name] : undefined, inside(path, name)),
        ]),
      ) as Fields<F>;
    },
  };
}

/** May be left out; it then reads as `undefined`. */
export function optional<T>(schema: Schema<T>): Schema<T | undefined> {
  const { json, hide } = schema;
  return {
    json,
    ...(hide !== undefined && { hide }),
    optional: true,
    read: (value, path) => (value === undefined ? undefined : schema.read(value, path)),
  };
}

/**
 * What neither the audit log nor an error may tell: the log has `"…"` in its place, and who sends a wrong one is told
 * where, and not what, it is.
 *
 * @example
 * const input = object({ user: text(), password: secret(text({ most: 200 })) });
 */
export function secret<T>(schema: Schema<T>): Schema<T> {
  return {
    ...schema,
    json: { ...schema.json, writeOnly: true },
    hide: () => hidden,
    read(value, path) {
      try {
        return schema.read(value, path);
      } catch {
        // Not even as the cause: it quotes what it refuses.
        throw invalid(
          value === undefined ? `${path} must be given` : `${path} is secret, and not what its schema says`,
        );
      }
    },
  };
}

/** A text of 1 to `most` characters. */
export function text({
  most = 10_000,
  description = "",
}: {
  most?: number;
  description?: string;
} = {}): Schema<string> {
  return {
    json: { type: "string", minLength: 1, maxLength: most, ...said(description) },
    read(value, path) {
      // JSON Schema counts characters, and a text's length counts halves of some.
      if (typeof value === "string" && value !== "" && value.length <= most) return value;
      return typeof value === "string" && value !== ""
        ? refuse(path, `a text of at most ${most} characters`, value)
        : refuse(path, "a text", value);
    },
  };
}

/** A whole number. */
export function wholeNumber({
  least = 0,
  most = Number.MAX_SAFE_INTEGER,
  description = "",
}: {
  least?: number;
  most?: number;
  description?: string;
} = {}): Schema<number> {
  return {
    json: { type: "integer", minimum: least, maximum: most, ...said(description) },
    read(value, path) {
      if (Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most) {
        return value as number;
      }
      const to = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
      return refuse(path, `a whole number ${to}`, value);
    },
  };
}

/** True or false. */
export function flag(description = ""): Schema<boolean> {
  return {
    json: { type: "boolean", ...said(description) },
    read: (value, path) => (typeof value === "boolean" ? value : refuse(path, "true or false", value)),
  };
}

const year = "8784h";

/**
 * A length of time of more than nothing, such as `"15m"` or a number of milliseconds; reads to milliseconds.
 *
 * @param options.most the longest that will do: 366 days without it
 */
export function span(description = "", { most = year }: { readonly most?: Duration } = {}): Schema<number> {
  const longest = milliseconds(most, "span: most");
  // A pattern cannot compare, so what a text may come to is said in words.
  const words = [description, `at most ${formatDuration(longest)}`].filter((each) => each !== "").join("; ");
  return {
    json: {
      oneOf: [
        { type: "string", pattern: "^\\d+(\\.\\d+)?(ms|s|m|h)$", description: "a text such as 15m" },
        { type: "number", exclusiveMinimum: 0, maximum: longest, description: "a number of milliseconds" },
      ],
      description: words,
    },
    read(value, path) {
      let ms = 0;
      try {
        ms = milliseconds(value as Duration, path);
      } catch {
        // It is refused below, as all are.
      }
      if (!(ms > 0)) return refuse(path, 'a length of time such as "15m"', value);
      return ms <= longest ? ms : refuse(path, `at most ${formatDuration(longest)}`, value);
    },
  };
}

/** A list of at most so many. */
export function list<T>(schema: Schema<T>, { most = 1_000 }: { most?: number } = {}): Schema<readonly T[]> {
  const { hide } = schema;
  return {
    json: { type: "array", items: schema.json, maxItems: most },
    ...(hide !== undefined && {
      hide: (value: unknown) => (Array.isArray(value) ? value.map((each) => hide(each)) : hidden),
    }),
    read(value, path) {
      if (!Array.isArray(value) || value.length > most) {
        return refuse(path, `a list of at most ${most}`, shownBy(schema, value));
      }
      return value.map((each, index) => schema.read(each, `${path}[${index}]`));
    },
  };
}

/** Values by names that nobody knows beforehand: 1 to `most` of them. */
export function record<T>(
  schema: Schema<T>,
  { most = 100, description = "" }: { most?: number; description?: string } = {},
): Schema<Readonly<Record<string, T>>> {
  const { hide } = schema;
  return {
    json: {
      type: "object",
      additionalProperties: schema.json,
      minProperties: 1,
      maxProperties: most,
      ...said(description),
    },
    ...(hide !== undefined && {
      hide: (value: unknown) =>
        isObject(value)
          ? Object.fromEntries(Object.entries(value).map(([name, each]) => [name, hide(each)]))
          : hidden,
    }),
    read(value, path) {
      const entries = isObject(value) ? Object.entries(value) : [];
      if (entries.length === 0 || entries.length > most) {
        return refuse(path, `an object of 1 to ${most} values`, shownBy(schema, value));
      }
      return Object.fromEntries(
        entries.map(([name, each]) => [name, schema.read(each, inside(path, name.slice(0, 100)))]),
      );
    },
  };
}

/** That, or `null`. */
export function nullable<T>(schema: Schema<T>): Schema<T | null> {
  const { hide } = schema;
  return {
    json: { oneOf: [schema.json, { type: "null" }] },
    ...(hide !== undefined && { hide: (value: unknown) => (value === null ? null : hide(value)) }),
    read: (value, path) => (value === null ? null : schema.read(value, path)),
  };
}

/** Anything that JSON can say, checked elsewhere. */
export function json(description = "", schema: JsonSchema = {}): Schema<unknown> {
  return {
    json: { ...schema, ...said(description) },
    read: (value, path) => (value === undefined ? refuse(path, "given", value) : value),
  };
}

/** What stands in the place of a secret. */
const hidden = "…";

function shownBy(schema: Schema<unknown> | undefined, value: unknown): unknown {
  return schema?.hide === undefined ? value : hidden;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Refuses a value, naming where it stands and quoting its beginning. @throws CommandError */
export function refuse(path: string, must: string, value: unknown): never {
  const found = value === undefined ? "missing" : quote(value).slice(0, 100);
  throw invalid(`${path} must be ${must}, but is ${found}`);
}

function invalid(message: string): CommandError {
  return new CommandError("invalid-arguments", message);
}

function inside(path: string, name: string): string {
  return path === "" || path === "args" ? name : `${path}.${name}`;
}

function said(description: string) {
  return description !== "" && { description };
}
