/** A text of a configuration. @throws TypeError that names the option; it never quotes what may be secret */
export function text(value: unknown, option: string): string {
  if (typeof value === "string" && value !== "") return value;
  throw new TypeError(`${option} must be a text`);
}

/** An object of texts, such as headers; none when it is left out. @throws TypeError that names the option */
export function texts(value: unknown, option: string): Record<string, string> {
  if (value === undefined) return {};
  const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
  if (isObject && Object.values(value).every((each) => typeof each === "string"))
    return value as Record<string, string>;
  throw new TypeError(`${option} must be an object of texts`);
}

/** An object of a configuration that has only options that are known. @throws TypeError that names the option */
export function only(value: unknown, option: string, names: readonly string[]): Record<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(`${option} must be an object`);
  const unknown = Object.keys(value).find((name) => !names.includes(name));
  if (unknown === undefined) return value as Record<string, unknown>;
  throw new TypeError(`${option} has no option ${JSON.stringify(unknown)}; it has ${names.join(", ")}`);
}

/** JSON of a configuration. @throws TypeError that names the option and never quotes it, as the parser's own does */
export function json(value: string, option: string): unknown {
  try {
    return JSON.parse(value);
  } catch {
    throw new TypeError(`${option} is no JSON`);
  }
}
