import { evictDurableObject, runInDurableObject } from "cloudflare:test";
import { env } from "cloudflare:workers";
import { type AuditDraft, verify } from "ninelives/control";
import { describe, expect, it, onTestFinished, vi } from "vitest";

/** Does what somebody can do who has the file of the database: for others its triggers stand in the way. */
function tamper({ storage }: DurableObjectState, sql: string): void {
  storage.sql.exec("DROP TRIGGER audit_unchanged; DROP TRIGGER audit_kept");
  storage.sql.exec(sql);
}

let made = 0;
const fresh = () => env.CONTROL.getByName(`control ${++made}`);
const draft = (id: string | number, more: Partial<AuditDraft> = {}): AuditDraft => ({
  command: "circuit.open",
  id: `${id}`,
  identity: "ann",
  args: "{}",
  outcome: "done",
  reason: null,
  ...more,
});
const result = (id: string, value: unknown = 1) => ({ id, name: "circuit.open", value });

describe("ControlObject > audit", () => {
  it("gives the newest entries first, numbered from 1, and says that all is intact", async () => {
    const control = fresh();
    for (const id of ["a", "b", "c"]) await control.append(draft(id));
    const { entries, intact } = await control.audit(2);
    expect(entries.map(({ seq, id }) => [seq, id])).toEqual([
      [3, "c"],
      [2, "b"],
    ]);
    expect(intact).toBe(true);
  });

  it("an empty log is intact", async () => {
    expect(await fresh().audit(10)).toEqual({ entries: [], intact: true });
  });

  it("survives its eviction, and goes on in the same chain", async () => {
    const control = fresh();
    await control.append(draft("before"));
    await evictDurableObject(control);
    await control.append(draft("after"));
    const { entries, intact } = await control.audit(10);
    expect(entries.map(({ id }) => id)).toEqual(["after", "before"]);
    expect(intact).toBe(true);
  });

  it("keeps the chain when many append at once", async () => {
    const control = fresh();
    await Promise.all(Array.from({ length: 50 }, (_, id) => control.append(draft(id))));
    const { entries, intact } = await control.audit(100);
    expect(new Set(entries.map(({ id }) => id)).size).toBe(50);
    expect(entries.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, index) => 50 - index));
    expect(intact).toBe(true);
  });

  it.each([
    ["a changed entry", 'UPDATE audit SET args = \'{"circuit":"other"}\' WHERE seq = 2'],
    ["a changed outcome", "UPDATE audit SET outcome = 'denied' WHERE seq = 2"],
    ["a changed time", "UPDATE audit SET at = at + 1 WHERE seq = 2"],
    ["an entry missing at the beginning", "DELETE FROM audit WHERE seq = 1"],
    ["an entry missing in the middle", "DELETE FROM audit WHERE seq = 2"],
    ["an entry missing at the end", "DELETE FROM audit WHERE seq = 3"],
    ["all entries missing", "DELETE FROM audit"],
    [
      "an entry too many",
      "INSERT INTO audit SELECT 4, at, command, id, identity, args, outcome, reason, hash FROM audit WHERE seq = 3",
    ],
    [
      "two entries in each other's place",
      "UPDATE audit SET seq = CASE seq WHEN 1 THEN -2 WHEN 2 THEN -1 ELSE -3 END; UPDATE audit SET seq = -seq",
    ],
  ])("finds %s", async (_, sql) => {
    const control = fresh();
    for (const id of ["a", "b", "c"]) await control.append(draft(id));
    expect((await control.verify()).intact).toBe(true);
    await runInDurableObject(control, (_, state) => {
      tamper(state, sql);
    });
    expect((await control.verify()).intact).toBe(false);
    expect((await control.audit(10)).intact).toBe(false);
  });

  it.each([
    "UPDATE audit SET args = '[]' WHERE seq = 2",
    "DELETE FROM audit WHERE seq = 1",
    "DELETE FROM audit",
  ])("is append-only by its database: no %s", async (sql) => {
    const control = fresh();
    for (const id of ["a", "b", "c"]) await control.append(draft(id));
    await runInDurableObject(control, (_, { storage }) => {
      expect(() => storage.sql.exec(sql)).toThrow("the audit log is append-only");
    });
    expect(await control.verify()).toEqual({ intact: true, entries: 3 });
  });

  it("hashes no more than it shows, and the whole log when it is asked to", async () => {
    const control = fresh();
    for (let id = 1; id <= 8; id++) await control.append(draft(id));
    const hashed = vi.spyOn(crypto.subtle, "digest");
    onTestFinished(() => hashed.mockRestore());
    await runInDurableObject(control, async (object, state) => {
      expect((await object.audit(3)).intact).toBe(true);
      expect(hashed).toHaveBeenCalledTimes(3);
      tamper(state, "UPDATE audit SET args = '[]' WHERE seq = 2");
      expect((await object.audit(3)).intact).toBe(true);
      expect(await object.verify()).toEqual({ intact: false, entries: 8 });
    });
  });

  it("gives itself out in pages that verify", async () => {
    const control = fresh();
    for (let id = 1; id <= 5; id++) await control.append(draft(id));
    const first = await control.exported(0, 3);
    const second = await control.exported(3, 3);
    expect([first.more, second.more]).toEqual([true, false]);
    expect([...first.entries, ...second.entries].map(({ seq }) => seq)).toEqual([1, 2, 3, 4, 5]);
    expect(await verify(first.entries, first.before)).toBe(true);
    expect(await verify(second.entries, second.before)).toBe(true);
  });

  it("writes twenty denials of strangers a minute, counts the rest, and tells of them as one", async () => {
    const control = fresh();
    const denied = (id: number) =>
      draft(id, { identity: "anonymous", outcome: "denied", reason: "no token" });
    for (let id = 1; id <= 100; id++) await control.append(denied(id));
    await control.append(draft("ann's"));
    await runInDurableObject(control, async (object, state) => {
      expect(await object.audit(100)).toMatchObject({ intact: true, entries: { length: 21 } });
      expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
      const later = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 61_000);
      await object.alarm();
      later.mockRestore();
      const { entries, intact } = await object.audit(100);
      expect(entries[0]).toMatchObject({ outcome: "denied", reason: "80 more were denied within a minute" });
      expect([entries.length, intact]).toEqual([22, true]);
    });
  });

  it("tells how many strangers it counted also where it has slept since", async () => {
    const control = fresh();
    for (let id = 1; id <= 30; id++)
      await control.append(draft(id, { identity: "anonymous", outcome: "denied" }));
    await evictDurableObject(control);
    await control.append(draft(31, { identity: "anonymous", outcome: "denied" }));
    await evictDurableObject(control);
    await runInDurableObject(control, async (object, state) => {
      expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
      const later = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 61_000);
      await object.alarm();
      later.mockRestore();
      const { entries } = await object.audit(100);
      expect(entries[0]).toMatchObject({ reason: "11 more were denied within a minute" });
      expect([entries.length, await state.storage.getAlarm()]).toEqual([21, null]);
    });
  });

  it("writes twenty denials an hour of one who is known, over evictions, and tells of the rest as one", async () => {
    const control = fresh();
    const denied = draft("*", {
      command: "GET /v1/state",
      outcome: "denied",
      reason: "it needs the scope read",
    });
    for (let each = 0; each < 30; each++) await control.deny(denied);
    await evictDurableObject(control);
    for (let each = 0; each < 30; each++) await control.deny(denied);
    await control.deny({ ...denied, identity: "bob" });
    await runInDurableObject(control, async (object, state) => {
      const names = (await object.audit(100)).entries.map(({ identity }) => identity);
      expect(names).toEqual(["bob", ...Array(20).fill("ann")]);
      expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now() + 3_000_000);
      const later = vi.spyOn(Date, "now").mockReturnValue(Date.now() + 3_601_000);
      await object.alarm();
      await object.deny(denied);
      later.mockRestore();
      const { entries, intact } = await object.audit(100);
      expect(entries.slice(0, 2)).toMatchObject([
        { command: "GET /v1/state", identity: "ann" },
        { command: "*", identity: "ann", reason: "40 more were denied within an hour" },
      ]);
      expect([entries.length, intact]).toEqual([23, true]);
    });
  });

  it("keeps the last ten thousand entries, and they verify", { timeout: 60_000 }, async () => {
    const control = fresh();
    const most = 10_000;
    await runInDurableObject(control, async (object) => {
      for (let id = 1; id <= most + 5; id++) await object.append(draft(id));
    });
    const { entries, intact } = await control.audit(most + 100);
    expect(entries).toHaveLength(most);
    expect([entries[0]?.seq, entries.at(-1)?.seq]).toEqual([most + 5, 6]);
    expect(intact).toBe(true);
    await evictDurableObject(control);
    await control.append(draft("after"));
    expect((await control.verify()).intact).toBe(true);
    await runInDurableObject(control, (_, state) => {
      tamper(state, "DELETE FROM audit WHERE seq = (SELECT MIN(seq) FROM audit)");
    });
    expect((await control.verify()).intact).toBe(false);
  });

  it("goes on after an entry that could not be written", async () => {
    const control = fresh();
    await runInDurableObject(control, async (object) => {
      const bad = draft("bad", { args: null as unknown as string });
      await expect(object.append(bad)).rejects.toThrow("NOT NULL");
    });
    await control.append(draft("good"));
    const { entries, intact } = await control.audit(10);
    expect(entries.map(({ id }) => id)).toEqual(["good"]);
    expect(intact).toBe(true);
  });
});

describe("ControlObject > documents", () => {
  it("takes a change of the version that the sender saw, and no other", async () => {
    const control = fresh();
    expect(await control.setDocument("prices", "retry(3)", 0, "ann")).toMatchObject({
      document: { name: "prices", text: "retry(3)", version: 1, updatedBy: "ann" },
    });
    expect(await control.setDocument("prices", "retry(4)", 0, "bob")).toEqual({
      conflict: { expected: 0, found: 1 },
    });
    expect(await control.setDocument("prices", "retry(4)", 7, "bob")).toEqual({
      conflict: { expected: 7, found: 1 },
    });
    expect(await control.documents()).toMatchObject([{ text: "retry(3)", version: 1 }]);
    expect(await control.setDocument("prices", "retry(4)", 1, "bob")).toMatchObject({
      document: { version: 2 },
    });
    expect(await control.documents()).toMatchObject([{ text: "retry(4)", version: 2, updatedBy: "bob" }]);
  });

  it("of many changes at once takes one", async () => {
    const control = fresh();
    const changes = await Promise.all(
      Array.from({ length: 20 }, (_, by) => control.setDocument("prices", `retry(${by + 1})`, 0, `${by}`)),
    );
    expect(changes.filter((change) => "document" in change)).toHaveLength(1);
    expect(await control.documents()).toMatchObject([{ version: 1 }]);
  });

  it("changes beside an override that ends later than any alarm may ring", async () => {
    const control = fresh();
    await control.setDocument("prices", "retry(3)", 0, "ann", { holds: 1e16 });
    expect(await control.setDocument("stock", "retry(4)", 0, "bob")).toMatchObject({
      document: { version: 1 },
    });
    await runInDurableObject(control, async (object, state) => {
      expect(await state.storage.getAlarm()).toBeLessThanOrEqual(Date.now() + 86_400_000);
      await object.alarm();
      expect(await state.storage.getAlarm()).toBeGreaterThan(Date.now());
    });
    expect(await control.history("prices")).toMatchObject([{ version: 0 }, { version: 1 }]);
  });

  it("survives its eviction", async () => {
    const control = fresh();
    await control.setDocument("prices", "retry(3)", 0, "ann");
    await evictDurableObject(control);
    expect(await control.documents()).toMatchObject([{ name: "prices", text: "retry(3)", version: 1 }]);
  });
});

describe("ControlObject > results", () => {
  it("gives a result to who sent the command, with what was asked, and to nobody else", async () => {
    const control = fresh();
    const done = { state: "done", asked: "hash", result: result("1", { state: "open" }) };
    expect(await control.claim("ann", "1", "hash")).toEqual({ state: "claimed" });
    await control.keepResult("ann", result("1", { state: "open" }));
    expect(await control.claim("ann", "1", "other")).toEqual(done);
    expect(await control.claim("bob", "1", "hash")).toEqual({ state: "claimed" });
    expect(await control.claim("ann", "2", "hash")).toEqual({ state: "claimed" });
    await evictDurableObject(control);
    expect(await control.claim("ann", "1", "hash")).toEqual(done);
  });

  it("knows after its eviction what is under way, and a minute later that whoever did it is gone", async () => {
    const control = fresh();
    await control.claim("ann", "1", "hash");
    await evictDurableObject(control);
    expect(await control.claim("ann", "1", "other")).toEqual({ state: "busy", asked: "hash" });
    await runInDurableObject(control, (_, { storage }) => {
      storage.sql.exec("UPDATE ids SET at = at - 60000");
    });
    expect(await control.claim("ann", "1", "hash")).toEqual({ state: "claimed" });
  });

  it("gives an id to one of many that claim it at once, and again when its command failed", async () => {
    const control = fresh();
    const claims = await Promise.all(Array.from({ length: 20 }, () => control.claim("ann", "1", "hash")));
    expect(claims.filter(({ state }) => state === "claimed")).toHaveLength(1);
    expect(claims.filter(({ state }) => state === "busy")).toHaveLength(19);
    await control.release("ann", "1");
    expect(await control.claim("ann", "1", "hash")).toEqual({ state: "claimed" });
  });

  it("keeps the last thousand, whatever the clock says", async () => {
    const control = fresh();
    await runInDurableObject(control, (object) => {
      for (let id = 1; id <= 1_010; id++) {
        object.claim("ann", `${id}`, "hash");
        object.keepResult("ann", result(`${id}`));
      }
    });
    expect(await control.claim("ann", "1010", "hash")).toMatchObject({ state: "done" });
    expect(await control.claim("ann", "11", "hash")).toMatchObject({ state: "done" });
    expect(await control.claim("ann", "10", "hash")).toEqual({ state: "claimed" });
  });
});
