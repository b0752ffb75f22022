import {
  type AuditDraft,
  type AuditEntry,
  type Claim,
  type CommandResult,
  chained,
  genesis,
  type Identity,
} from "../../src/control/index.ts";

export const ann: Identity = { name: "ann", scopes: ["*"] };

/** An audit log and a store of results in memory, which note who asked them, in order. */
export function memoryControl(asked: string[] = []) {
  const entries: AuditEntry[] = [];
  const results = new Map<string, { asked: string; result?: CommandResult }>();
  return {
    entries,
    asked,
    audit: {
      async append(draft: AuditDraft): Promise<AuditEntry> {
        asked.push(`audit ${draft.outcome}`);
        const unhashed = { ...draft, seq: entries.length + 1, at: 1_000 + entries.length };
        const entry = { ...unhashed, hash: await chained(entries.at(-1)?.hash ?? genesis, unhashed) };
        entries.push(entry);
        return entry;
      },
    },
    results: {
      async claim(identity: string, id: string, asks: string): Promise<Claim> {
        asked.push("claim");
        const known = results.get(`${identity} ${id}`);
        if (known === undefined) {
          results.set(`${identity} ${id}`, { asked: asks });
          return { state: "claimed" };
        }
        const { result } = known;
        return result === undefined
          ? { state: "busy", asked: known.asked }
          : { state: "done", asked: known.asked, result };
      },
      async release(identity: string, id: string) {
        asked.push("release");
        results.delete(`${identity} ${id}`);
      },
      async keepResult(identity: string, result: CommandResult) {
        asked.push("keep result");
        const known = results.get(`${identity} ${result.id}`);
        if (known !== undefined) known.result = result;
      },
    },
  };
}
