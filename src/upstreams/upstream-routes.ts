import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { readPolicy } from "./upstream-members.ts";

/** Some of an upstream's requests, which have a policy of their own. */
export interface UpstreamRoute {
  readonly name: string;
  /** The path that they are at or below, such as `/users/*` with a star for any one segment; `/` for all. */
  readonly path: string;
  /** Their methods; undefined for all. */
  readonly methods: readonly string[] | undefined;
  /** The text of their policy. */
  readonly policy: string;
}

/** Reads the field `routes` of an upstream. @throws TypeError that names the field and quotes the value */
export function readRoutes(
  input: unknown,
  label: string,
  members: readonly { readonly name: string }[] | undefined,
): UpstreamRoute[] {
  if (input === undefined) return [];
  if (!Array.isArray(input)) throw new TypeError(`${label} must be a list, but is ${quote(input)}`);
  const taken = new Set(members?.map(({ name }) => name));
  return input.map((each, index) => {
    const route = readRoute(each, `${label}[${index}]`);
    // Both give their name to circuits.
    if (taken.has(route.name))
      throw new TypeError(`${label}[${index}].name: a route or a member before has the name ${route.name}`);
    taken.add(route.name);
    return route;
  });
}

function readRoute(input: unknown, label: string): UpstreamRoute {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(
      `${label} must be an object such as { "name": "search", "path": "/search", "policy": "timeout(1s)" }`,
    );
  }
  known(input, label, ["name", "path", "methods", "policy"]);
  const { name, path, methods, policy } = input as Readonly<Record<string, unknown>>;
  if (typeof name !== "string" || !/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new TypeError(
      `${label}.name must be lower-case letters, digits and hyphens after a letter, but is ${quote(name)}`,
    );
  }
  if (path === undefined && methods === undefined)
    throw new TypeError(`${label} must have a path or methods, or both`);
  return {
    name,
    path: path === undefined ? "/" : readPattern(path, `${label}.path`),
    methods: methods === undefined ? undefined : readMethods(methods, `${label}.methods`),
    policy: readPolicy(policy, label),
  };
}

function readPattern(path: unknown, label: string): string {
  const isPattern = typeof path === "string" && (path === "/" || /^(?:\/(?:\*|[^/*?#\s]+))+$/.test(path));
  if (isPattern && new URL(`http://upstream${path}`).pathname === path) return path;
  throw new TypeError(
    `${label} must begin with a slash, end without one, be written as in a URL, and have a star only as a whole segment, but is ${quote(path)}`,
  );
}

function readMethods(methods: unknown, label: string): string[] {
  const isMethod = (each: unknown) => typeof each === "string" && /^[A-Z]{3,20}$/.test(each);
  if (Array.isArray(methods) && methods.length > 0 && methods.every(isMethod)) return methods;
  throw new TypeError(`${label} must be a list such as ["GET", "HEAD"], but is ${quote(methods)}`);
}

/**
 * Makes the test of whether a request belongs to a route.
 *
 * @returns a function of the method and of the path at the upstream. Encoded characters are what they stand for, and two
 * slashes are one, as most servers have it: another way to write a path must not be a way around its policy
 */
export function routeTest({
  path,
  methods,
}: Pick<UpstreamRoute, "path" | "methods">): (method: string, path: string) => boolean {
  const pattern = segmentsOf(path);
  return (method, asked) => {
    if (methods !== undefined && !methods.includes(method)) return false;
    const segments = segmentsOf(asked);
    return pattern.every((each, index) => {
      const segment = segments[index];
      return segment !== undefined && (each === "*" || each === segment);
    });
  };
}

function segmentsOf(path: string): string[] {
  return path
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch {
        return segment;
      }
    });
}
