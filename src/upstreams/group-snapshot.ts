import { whole, within } from "../core/check.ts";
import { refuse } from "../core/duration.ts";

/** What is kept of one member. */
export interface MemberSnapshot {
  /** Milliseconds for which it is still left out; 0 for one that is in. */
  readonly out: number;
  /** How often in short order it has been left out. */
  readonly ejections: number;
  /** What its checks said last. */
  readonly healthy: boolean;
}

/** What a group knows of its members' health, by their names. Plain JSON, without times. */
export interface GroupSnapshot {
  readonly members: Readonly<Record<string, MemberSnapshot>>;
}

/** @throws RangeError or TypeError for what is none, which names the field */
export function readGroupSnapshot(given: GroupSnapshot): ReadonlyMap<string, MemberSnapshot> {
  const { members } = Object(given) as Partial<GroupSnapshot>;
  if (typeof members !== "object" || members === null)
    return refuse("restore: members", "an object with a field for each member", members, TypeError);
  return new Map(
    Object.entries(members).map(([name, member]) => {
      const { out, ejections, healthy } = Object(member) as MemberSnapshot;
      if (typeof healthy !== "boolean")
        refuse(`restore: members.${name}.healthy`, "true or false", healthy, TypeError);
      return [
        name,
        {
          out: within(out, `restore: members.${name}.out`, 0, 1e15),
          ejections: whole(ejections, `restore: members.${name}.ejections`, 0),
          healthy,
        },
      ];
    }),
  );
}
