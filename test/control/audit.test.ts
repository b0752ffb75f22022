import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type AuditEntry, genesis, verify } from "../../src/control/index.ts";
import { memoryControl } from "./memory-control.ts";

async function log(length: number): Promise<AuditEntry[]> {
  const { audit, entries } = memoryControl();
  for (let number = 1; number <= length; number++) {
    await audit.append({
      command: "circuit.open",
      id: `${number}`,
      identity: "ann",
      args: "{}",
      outcome: "done",
      reason: null,
    });
  }
  return entries;
}

describe("verify", () => {
  it("accepts a whole log, an empty one, and one that goes on from a known hash", async () => {
    const entries = await log(5);
    expect(await verify(entries)).toBe(true);
    expect(await verify([])).toBe(true);
    expect(await verify(entries.slice(2), (entries[1] as AuditEntry).hash)).toBe(true);
    expect(await verify(entries.slice(2), genesis)).toBe(false);
  });

  it.each<[string, (entries: AuditEntry[]) => AuditEntry[]]>([
    ["is missing at the beginning", (entries) => entries.slice(1)],
    ["is missing in the middle", (entries) => entries.toSpliced(2, 1)],
    ["stands twice", (entries) => entries.toSpliced(2, 0, entries[2] as AuditEntry)],
    ["stands in the other's place", ([a, b, ...rest]) => [b, a, ...rest] as AuditEntry[]],
    ["has another's number", ([a, b, ...rest]) => [a, { ...b, seq: 9 }, ...rest] as AuditEntry[]],
  ])("finds that an entry %s", async (_, change) => {
    expect(await verify(change(await log(5)))).toBe(false);
  });

  it("finds a change of any field of any entry", async () => {
    const entries = await log(4);
    const field = fc.constantFrom(...(Object.keys(entries[0] as AuditEntry) as (keyof AuditEntry)[]));
    await fc.assert(
      fc.asyncProperty(fc.nat(3), field, fc.oneof(fc.string(), fc.nat()), async (index, name, value) => {
        const entry = entries[index] as AuditEntry;
        fc.pre(entry[name] !== value);
        const changed = entries.with(index, { ...entry, [name]: value } as AuditEntry);
        expect(await verify(changed)).toBe(false);
      }),
    );
  });

  it("does not mistake one field's text for another's", async () => {
    const { audit, entries } = memoryControl();
    const draft = { args: "{}", outcome: "done", reason: null } as const;
    await audit.append({ ...draft, command: "a", id: "bc", identity: "d" });
    const [entry] = entries as [AuditEntry];
    expect(await verify([{ ...entry, command: "ab", id: "c" }])).toBe(false);
  });
});
