import {
  type AuditDraft,
  type AuditEntry,
  type CommandResult,
  chained,
  genesis,
  type Identity,
} from "../../src/control/index.ts";

export const ann: Identity = { name: "ann", scopes: ["*"] };

/** An audit log and a store of results in memory, which note who asked them, in order. */
export function memoryControl(asked: string[] = []) {
  const entries: AuditEntry[] = [];
  const results = new Map<string, CommandResult>();
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
      async result(identity: string, id: string) {
        asked.push("result");
        return results.get(`${identity} ${id}`);
      },
      async keepResult(identity: string, result: CommandResult) {
        asked.push("keep result");
        results.set(`${identity} ${result.id}`, result);
      },
    },
  };
}
