import { known } from "../core/check.ts";
import { quote } from "../core/duration.ts";
import { parse } from "../expression/parse.ts";
import { group } from "./group.ts";
import { readOrigin, type UpstreamOrigin } from "./upstream-origin.ts";

/** One replica of an upstream. */
export interface UpstreamMember extends UpstreamOrigin {
  readonly name: string;
  readonly weight: number;
  readonly priority: number;
  /** The text of a policy for this replica alone. */
  readonly policy: string | undefined;
}

/** Reads the field `members` of an upstream. @throws TypeError that names the field and quotes the value */
export function readMembers(input: unknown, label: string): UpstreamMember[] | undefined {
  if (input === undefined) return undefined;
  if (!Array.isArray(input)) throw new TypeError(`${label} must be a list, but is ${quote(input)}`);
  const members = input.map((each, index) => readMember(each, `${label}[${index}]`, `member-${index + 1}`));
  try {
    // What it says of names, weights and priorities holds here, too.
    group({
      members: members.map(({ name, weight, priority }) => ({ name, weight, priority, service: never })),
    });
  } catch (cause) {
    throw new TypeError(`${label}: ${(cause as Error).message}`, { cause });
  }
  return members;
}

const never = () => new Promise<never>(() => {});

function readMember(input: unknown, label: string, position: string): UpstreamMember {
  if (typeof input !== "object" || input === null || Array.isArray(input)) {
    throw new TypeError(`${label} must be an object`);
  }
  known(input, label, ["name", "url", "service", "path", "weight", "priority", "policy"]);
  const fields = input as Readonly<Record<string, unknown>>;
  const { name = position, weight = 1, priority = 0 } = fields;
  if (typeof name !== "string" || !/^[a-z][a-z0-9-]{0,62}$/.test(name)) {
    throw new TypeError(
      `${label}.name must be lower-case letters, digits and hyphens after a letter, but is ${quote(name)}`,
    );
  }
  return {
    name,
    ...readOrigin(fields, label),
    weight: weight as number,
    priority: priority as number,
    policy: fields.policy === undefined ? undefined : readPolicy(fields.policy, label),
  };
}

/** Reads the field `policy`. @throws TypeError that names the field and quotes the value */
export function readPolicy(policy: unknown, label: string): string {
  if (typeof policy !== "string") {
    throw new TypeError(`${label}.policy must be a text, but is ${quote(policy)}`);
  }
  try {
    parse(policy);
  } catch (cause) {
    throw new TypeError(`${label}.policy: ${(cause as Error).message}`, { cause });
  }
  return policy;
}
