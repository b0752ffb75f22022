import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  type Command,
  commandService,
  configured,
  type DocumentHistory,
  type DocumentPlane,
  type DocumentStore,
  documentCommands,
  type Identity,
  inForce,
  parameterCommands,
  settled,
  snapshotCommands,
} from "../../src/control/index.ts";
import { parse } from "../../src/expression/parse.ts";
import { memoryControl } from "../control/memory-control.ts";

const by = "ann";
const original = "retry(3)";

/** What every home of policy documents must do. */
export function documentStoreContract(
  home: string,
  fresh: () => DocumentStore | Promise<DocumentStore>,
): void {
  const set = (store: DocumentStore, text: string, expected: number, holds?: number, name = "prices") =>
    store.change(name, original, { text, expected, by, holds });

  describe(`policy documents in ${home}`, () => {
    it("has none at first, and keeps what was changed, with who and when", async () => {
      const store = await fresh();
      expect([await store.histories(), await store.history("prices")]).toEqual([[], undefined]);
      const outcome = await set(store, "retry(4)", 0);
      expect(outcome).toMatchObject({
        document: { name: "prices", text: "retry(4)", version: 1, updatedBy: by },
      });
      const history = await store.history("prices");
      expect(history?.map(({ text, version }) => [text, version])).toEqual([
        [original, 0],
        ["retry(4)", 1],
      ]);
      expect(await store.histories()).toEqual([history]);
    });

    it("refuses a change of a version that is past, and says which is in force", async () => {
      const store = await fresh();
      await set(store, "retry(4)", 0);
      expect(await set(store, "retry(5)", 0)).toEqual({ conflict: { expected: 0, found: 1 } });
      expect(inForce((await store.history("prices")) as never).text).toBe("retry(4)");
    });

    it("lets one of many changes at once through, and loses none on other names", async () => {
      const store = await fresh();
      const same = await Promise.all([4, 5, 6, 7].map((times) => set(store, `retry(${times})`, 0)));
      expect(same.filter((outcome) => "document" in outcome)).toHaveLength(1);
      await Promise.all(["a", "b", "c", "d"].map((name) => set(store, "retry(9)", 0, undefined, name)));
      const names = (await store.histories()).map((history) => inForce(history).name);
      expect(names).toEqual(["a", "b", "c", "d", "prices"]);
    });

    it("ends an override by itself, for whoever reads next", async () => {
      const store = await fresh();
      await set(store, "retry(4)", 0);
      await set(store, "retry(9)", 1, 60_000);
      expect(inForce((await store.history("prices")) as never)).toMatchObject({
        text: "retry(9)",
        version: 2,
      });
      await set(store, "retry(8)", 2, 1);
      await expect
        .poll(async () => inForce((await store.history("prices")) as never), { timeout: 10_000 })
        .toMatchObject({ text: "retry(4)", version: 4, updatedBy: "end of version 3" });
      expect(await set(store, "retry(5)", 4)).toMatchObject({ document: { version: 5 } });
    });

    it("puts a snapshot in the place of all, as news to all", async () => {
      const store = await fresh();
      const originals = ["prices", "other"].map((name) => configured(name, original));
      await set(store, "retry(4)", 0);
      const snapshot = await store.histories();
      await set(store, "retry(5)", 1);
      await set(store, "retry(6)", 0, undefined, "other");
      await store.restore(snapshot, originals);
      const texts = (await store.histories())
        .map(inForce)
        .map(({ name, text, version }) => [name, text, version]);
      expect(texts).toEqual([
        ["other", original, 2],
        ["prices", "retry(4)", 3],
      ]);
    });

    it("keeps any text as it is", async () => {
      const store = await fresh();
      let version = 0;
      await fc.assert(
        fc.asyncProperty(fc.string({ unit: "binary", minLength: 1, maxLength: 50 }), async (text) => {
          await set(store, text, version++);
          expect(inForce((await store.history("prices")) as never).text).toBe(text);
        }),
        { numRuns: 20 },
      );
    });
  });

  describe(`the control plane over ${home}`, () => {
    const admin: Identity = { name: by, scopes: ["*"] };

    async function plane() {
      const applied: string[] = [];
      const own: DocumentPlane = {
        store: await fresh(),
        policies: () => [{ name: "prices", text: "retry(3) + timeout(1s)" }],
        check: (_, text) => void parse(text),
        apply: async ({ text }) => void applied.push(text),
      };
      const { audit, results } = memoryControl();
      const service = commandService({
        commands: [...documentCommands(own), ...parameterCommands(own), ...snapshotCommands(own)],
        audit,
        results,
      });
      let id = 0;
      const send = async (name: string, args: Command["args"] = {}) =>
        (await service({ id: `${++id}`, name, args, identity: admin })).value as never;
      return { send, applied, store: own.store };
    }

    it("sets, dry runs, overrides, rolls back and compares", async () => {
      const { send, applied } = await plane();
      expect(await send("policy.list")).toMatchObject([{ name: "prices", version: 0 }]);
      const dry = await send("policy.set", {
        name: "prices",
        version: 0,
        text: "retry(5) + timeout(1s)",
        dryRun: true,
      });
      expect(dry).toMatchObject({
        applies: true,
        changes: [{ path: "retry.attempts", before: "3", after: "5" }],
      });
      await send("policy.set", { name: "prices", version: 0, text: "retry(5) + timeout(1s)" });
      await send("parameter.write", { path: "prices/timeout.after", value: "2s" });
      await send("parameter.write", { path: "prices/timeout.after", value: "9s", expiresIn: "1h" });
      expect(await send("parameter.read", { path: "prices/timeout.after" })).toMatchObject({
        value: "9s",
        version: 3,
      });
      await expect(
        send("policy.set", { name: "prices", version: 1, text: "retry(1)" }),
      ).rejects.toMatchObject({
        kind: "conflict",
        members: { expected: 1, found: 3 },
      });
      await expect(send("policy.set", { name: "prices", version: 3, text: "retry(" })).rejects.toMatchObject({
        kind: "invalid-arguments",
        members: { line: 1 },
      });
      expect(await send("policy.rollback", { name: "prices", version: 3, to: 1 })).toMatchObject({
        version: 4,
      });
      expect(await send("policy.diff", { name: "prices", from: 0 })).toMatchObject({
        changes: [{ path: "retry.attempts", before: "3", after: "5" }],
      });
      expect(applied).toEqual([
        "retry(5) + timeout(1s)",
        "retry(5) + timeout(2s)",
        "retry(5) + timeout(9s)",
        "retry(5) + timeout(1s)",
      ]);
    });

    it("updates some values at once, relative to what is in force, and leaves the rest", async () => {
      const { send, applied } = await plane();
      const changes = { "retry.attempts": 5, "retry.jitter": "equal" };
      expect(await send("policy.update", { name: "prices", changes, dryRun: true })).toMatchObject({
        applies: true,
        version: 0,
        changes: [
          { path: "retry.attempts", before: "3", after: "5" },
          { path: "retry.jitter", before: null, after: '"equal"' },
        ],
      });
      expect(await send("policy.update", { name: "prices", changes })).toMatchObject({
        text: 'retry(5, jitter: "equal") + timeout(1s)',
        version: 1,
        updatedBy: by,
      });
      const back = { "retry.jitter": null, "timeout.after": "2s" };
      expect(await send("policy.update", { name: "prices", changes: back, version: 1 })).toMatchObject({
        text: "retry(5) + timeout(2s)",
        version: 2,
      });
      await expect(
        send("policy.update", { name: "prices", changes: back, version: 1 }),
      ).rejects.toMatchObject({ kind: "conflict", members: { expected: 1, found: 2 } });
      await expect(
        send("policy.update", { name: "prices", changes: { "retry.attempts": 7, "timeout.after": null } }),
      ).rejects.toMatchObject({ kind: "invalid-arguments" });
      expect(await send("policy.get", { name: "prices" })).toMatchObject({ version: 2 });
      expect(applied).toHaveLength(2);
    });

    it("makes a change that stays beneath an override too, which holds on until its end", async () => {
      const { send, applied, store } = await plane();
      const name = "prices";
      await send("policy.set", { name, version: 0, text: "retry(5) + timeout(1s)" });
      const over = { name, version: 1, text: "retry(1) + timeout(1s)", expiresIn: "1h" };
      const { until } = (await send("policy.set", over)) as { until: number };
      const write = { path: "prices/timeout.after", value: "2s" };
      const beneath = "retry(5) + timeout(2s)";
      expect(await send("parameter.write", { ...write, dryRun: true })).toMatchObject({
        applies: true,
        changes: [{ path: "timeout.after", before: "1s", after: "2s" }],
        until,
        beneath,
      });
      const written = await send("parameter.write", write);
      expect(written).toMatchObject({ text: "retry(1) + timeout(2s)", until, beneath: { text: beneath } });
      expect(written).not.toHaveProperty("ends");
      expect(applied.at(-1)).toBe("retry(1) + timeout(2s)");
      const history = (await store.history(name)) as DocumentHistory;
      expect(inForce(settled(history, until))).toMatchObject({
        text: beneath,
        updatedBy: "end of version 3",
      });
    });

    it("refuses a change that stays and does not fit what is beneath an override, and says so", async () => {
      const { send } = await plane();
      const name = "prices";
      const over = { name, version: 0, text: "retry(1) + bulkhead(5)", expiresIn: "1h" };
      await send("policy.set", over);
      const changes = { "bulkhead.limit": 9 };
      const refused = expect(send("policy.update", { name, changes })).rejects;
      await refused.toMatchObject({ kind: "conflict", members: { until: expect.any(Number) } });
      await refused.toThrow(
        "version 1 of prices is an override, and the change does not fit what comes back",
      );
      expect(await send("policy.update", { name, changes, expiresIn: "2h" })).toMatchObject({ version: 2 });
    });

    it("says of a whole policy that is set for good which override it ends", async () => {
      const { send } = await plane();
      const name = "prices";
      const { until } = (await send("policy.set", {
        name,
        version: 0,
        text: "retry(1)",
        expiresIn: "1h",
      })) as { until: number };
      const set = { name, version: 1, text: "retry(7)" };
      const ends = { version: 1, until };
      expect(await send("policy.set", { ...set, dryRun: true })).toMatchObject({ applies: true, ends });
      expect(await send("policy.set", { ...set, expiresIn: "1h", dryRun: true })).not.toHaveProperty("ends");
      const done = await send("policy.set", set);
      expect(done).toMatchObject({ text: "retry(7)", version: 2, ends });
      expect(done).not.toHaveProperty("until");
      expect(await send("policy.rollback", { name, version: 2, to: 0 })).not.toHaveProperty("ends");
    });

    it("loses none of several updates at once that name no version", async () => {
      const { send } = await plane();
      const paths = ["retry.attempts", "retry.maximumDelay", "timeout.after"];
      await Promise.all(
        paths.map((path, index) => send("policy.update", { name: "prices", changes: { [path]: index + 5 } })),
      );
      expect(await send("policy.get", { name: "prices" })).toMatchObject({
        text: "retry(5, maximumDelay: 6ms) + timeout(7ms)",
        version: 3,
      });
    });

    it("goes out as one file and comes back from it", async () => {
      const { send } = await plane();
      await send("policy.set", { name: "prices", version: 0, text: "retry(5)" });
      const file = JSON.parse(JSON.stringify(await send("control.snapshot")));
      await send("policy.set", { name: "prices", version: 1, text: "retry(7)" });
      expect(await send("control.restore", file)).toEqual({ restored: 1, skipped: [] });
      expect(await send("policy.get", { name: "prices" })).toMatchObject({ text: "retry(5)", version: 3 });
      expect(await send("policy.history", { name: "prices" })).toHaveLength(3);
    });
  });
}
