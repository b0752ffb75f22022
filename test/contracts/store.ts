import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type {
  LeaseReport,
  LeaseView,
  LimiterReport,
  LimiterView,
  CircuitReport as Report,
  SharedRules,
  Store,
  CircuitView as View,
} from "../../src/state/sync.ts";

export const rules: SharedRules = {
  openFor: 30_000,
  maximumOpenFor: 300_000,
  probes: 1,
  successesToClose: 1,
};

export const report = (more: Partial<Report> = {}): Report => ({
  replica: "one",
  seq: 1,
  epoch: 0,
  ok: 0,
  fail: 0,
  slow: 0,
  open: false,
  wantsProbe: false,
  rules,
  ...more,
});

export const deaf = (): void => {};

export interface StoreUnderTest {
  readonly store: Store;
  /** Opens `name` by the votes of as many replicas as it takes, and gives the view that says so. */
  readonly quorum: "majority" | "any";
}

interface CircuitHome {
  sync(name: string, report: Report, onNews: (view: View) => void): Promise<View>;
}

/**
 * What every home of shared circuits does.
 *
 * @param make makes a store in which no circuit is known
 */
export function storeContract(name: string, make: () => StoreUnderTest | Promise<StoreUnderTest>): void {
  /** Of circuits, whose reports are answered with their views. */
  async function fresh(): Promise<{ store: CircuitHome; quorum: StoreUnderTest["quorum"] }> {
    const { store, quorum } = await make();
    return { store: store as unknown as CircuitHome, quorum };
  }

  let named = 0;
  /** A name that no test before has used: some homes outlive a test. */
  const circuit = () => `contract-${++named}`;

  /** Opens a circuit by the votes of two replicas, which is a majority of two. */
  async function opened(store: CircuitHome, name: string, more: Partial<SharedRules> = {}): Promise<View> {
    const vote = { open: true, fail: 10, rules: { ...rules, ...more } };
    const { epoch } = await store.sync(name, report({ rules: vote.rules }), deaf);
    await store.sync(name, report({ replica: "two", rules: vote.rules }), deaf);
    await store.sync(name, report({ ...vote, seq: 2, epoch }), deaf);
    return store.sync(name, report({ ...vote, replica: "two", seq: 2, epoch }), deaf);
  }

  describe(`${name} keeps the contract of a store`, () => {
    it("a circuit that nobody reported on is closed", async () => {
      const { store } = await fresh();
      const view = await store.sync(circuit(), report(), deaf);
      expect(view).toMatchObject({ state: "closed", remaining: 0 });
      expect(view.epoch).toBeGreaterThanOrEqual(1);
      expect(view.nextSync).toBeGreaterThan(0);
      expect(view).not.toHaveProperty("permit");
    });

    it("a view is plain JSON, with durations and no times", async () => {
      const { store } = await fresh();
      const view = await opened(store, circuit());
      expect(JSON.parse(JSON.stringify(view))).toEqual(view);
      for (const value of Object.values(view)) if (typeof value === "number") expect(value).toBeLessThan(1e6);
    });

    it("votes of a quorum open it, for as long as the rules say", async () => {
      const { store } = await fresh();
      const name = circuit();
      const view = await opened(store, name);
      expect(view).toMatchObject({ state: "open", openFor: 30_000, reason: "fleet" });
      expect(view.remaining).toBeGreaterThan(28_000);
      expect(view.remaining).toBeLessThanOrEqual(30_000);
      expect(await store.sync(name, report({ replica: "three" }), deaf)).toMatchObject({ state: "open" });
    });

    it("a lone reporter may open it", async () => {
      const { store } = await fresh();
      const name = circuit();
      const { epoch } = await store.sync(name, report(), deaf);
      const view = await store.sync(name, report({ seq: 2, epoch, open: true, fail: 10 }), deaf);
      expect(view.state).toBe("open");
    });

    it("one of two does not open it, save where one speaks for all", async () => {
      const { store, quorum } = await fresh();
      const name = circuit();
      const { epoch } = await store.sync(name, report(), deaf);
      await store.sync(name, report({ replica: "two" }), deaf);
      const view = await store.sync(name, report({ seq: 2, epoch, open: true, fail: 10 }), deaf);
      expect(view.state).toBe(quorum === "any" ? "open" : "closed");
    });

    it("each name is a circuit of its own", async () => {
      const { store } = await fresh();
      const [one, other] = [circuit(), circuit()];
      await opened(store, one);
      expect(await store.sync(other, report(), deaf)).toMatchObject({ state: "closed" });
    });

    it("names may be any text", async () => {
      const { store } = await fresh();
      for (const name of ["https://api.test:8443", "a/b c", "ü€😀", "__proto__", "constructor"]) {
        expect(await store.sync(`${circuit()}${name}`, report(), deaf)).toMatchObject({ state: "closed" });
      }
    });

    it("every change of state begins a new epoch", async () => {
      const { store } = await fresh();
      const name = circuit();
      const before = await store.sync(name, report(), deaf);
      const view = await opened(store, name);
      expect(view.epoch).toBeGreaterThan(before.epoch);
    });

    it("counts and votes of another epoch are ignored", async () => {
      const { store } = await fresh();
      const name = circuit();
      const { epoch } = await store.sync(name, report(), deaf);
      const stale = report({ seq: 2, epoch: epoch - 1, open: true, fail: 10 });
      expect(await store.sync(name, stale, deaf)).toMatchObject({ state: "closed", epoch });
    });

    it("a report that comes again counts once", async () => {
      const { store } = await fresh();
      const name = circuit();
      await opened(store, name, { openFor: 0 });
      const wanting = report({ seq: 3, wantsProbe: true, rules: { ...rules, openFor: 0 } });
      const first = await store.sync(name, wanting, deaf);
      expect(first.state).toBe("half-open");
      const again = await store.sync(name, wanting, deaf);
      expect(again.permit?.id).toBe(first.permit?.id);
      expect(again.epoch).toBe(first.epoch);
    });

    it("a replica that is ahead of a lost record is followed", async () => {
      const { store } = await fresh();
      const view = await store.sync(circuit(), report({ seq: 40, epoch: 700 }), deaf);
      expect(view.epoch).toBeGreaterThan(700);
    });

    it("fifty that want to probe at once get one permit between them", async () => {
      const { store } = await fresh();
      const name = circuit();
      const mine = { ...rules, openFor: 0 };
      await opened(store, name, { openFor: 0 });
      const views = await Promise.all(
        Array.from({ length: 50 }, (_, number) =>
          store.sync(name, report({ replica: `prober ${number}`, wantsProbe: true, rules: mine }), deaf),
        ),
      );
      expect(views.filter(({ permit }) => permit !== undefined)).toHaveLength(1);
      expect(new Set(views.map(({ epoch, state }) => `${state} ${epoch}`)).size).toBe(1);
    });

    it("a probe that succeeds closes it, one without its permit does not", async () => {
      const { store } = await fresh();
      const name = circuit();
      const mine = { ...rules, openFor: 0 };
      await opened(store, name, { openFor: 0 });
      const { epoch, permit } = await store.sync(
        name,
        report({ seq: 3, wantsProbe: true, rules: mine }),
        deaf,
      );
      const probed = (replica: string, permit: string) =>
        store.sync(name, report({ replica, seq: 4, epoch, probe: { permit, ok: true }, rules: mine }), deaf);
      expect(await probed("two", permit?.id ?? "")).toMatchObject({ state: "half-open" });
      expect(await probed("three", "of its own")).toMatchObject({ state: "half-open" });
      expect(await probed("one", permit?.id ?? "")).toMatchObject({ state: "closed" });
    });

    it("reports at once are each counted", async () => {
      const { store } = await fresh();
      const name = circuit();
      const { epoch } = await store.sync(name, report({ replica: "replica 0" }), deaf);
      await Promise.all(
        Array.from({ length: 9 }, (_, number) =>
          store.sync(name, report({ replica: `replica ${number + 1}` }), deaf),
        ),
      );
      const votes = await Promise.all(
        Array.from({ length: 10 }, (_, number) =>
          store.sync(
            name,
            report({ replica: `replica ${number}`, seq: 2, epoch, open: true, fail: 1 }),
            deaf,
          ),
        ),
      );
      // Of ten, six are a majority: a vote that got lost would leave it closed.
      expect(votes.some(({ state }) => state === "open")).toBe(true);
      expect(await store.sync(name, report({ replica: "late" }), deaf)).toMatchObject({ state: "open" });
    });

    it("the epoch never goes back, whatever is reported", async () => {
      const { store } = await fresh();
      const any = fc.record(
        {
          replica: fc.constantFrom("one", "two", "three"),
          seq: fc.integer({ min: 1, max: 20 }),
          epoch: fc.integer({ min: 0, max: 8 }),
          ok: fc.nat(10),
          fail: fc.nat(10),
          slow: fc.nat(10),
          open: fc.boolean(),
          wantsProbe: fc.boolean(),
          rules: fc.constantFrom(rules, { ...rules, openFor: 0 }),
        },
        { noNullPrototype: true },
      );
      await fc.assert(
        fc.asyncProperty(fc.array(any, { maxLength: 20 }), async (reports) => {
          const name = circuit();
          let last = 0;
          for (const each of reports) {
            const { epoch } = await store.sync(name, each, deaf);
            expect(epoch).toBeGreaterThanOrEqual(last);
            last = epoch;
          }
        }),
        { numRuns: 20 },
      );
    });

    it("shares a limit so that no more than all of it is leased", async () => {
      const { store } = await make();
      const name = circuit();
      const ask = (replica: string, seq: number): Promise<LimiterView> =>
        store.sync(
          name,
          { kind: "limiter", replica, seq, epoch: seq === 1 ? 0 : 1, demand: 0.4, lease: 0 },
          deaf,
        ) as never;
      expect(await ask("one", 1)).toMatchObject({ kind: "limiter", share: 1, fleet: 1 });
      const views = await Promise.all(["two", "three", "four"].map((replica) => ask(replica, 1)));
      for (const { share, ttl } of views) expect([share, ttl]).toEqual([0, 0]);
      // It got all of it when it was alone, and may use that until it says that it knows of the smaller lease.
      const again: LimiterReport = {
        kind: "limiter",
        replica: "one",
        seq: 2,
        epoch: 1,
        demand: 0.4,
        lease: 1,
      };
      expect(await store.sync(name, again, deaf)).toMatchObject({ share: 0.25, fleet: 4 });
      expect(await ask("two", 2)).toMatchObject({ share: 0 });
      await store.sync(name, { ...again, seq: 3, lease: 2 }, deaf);
      expect(await ask("two", 3)).toMatchObject({ share: 0.25 });
    });

    it("gives a lease to one of fifty, and to the next one with a higher token when it is given up", async () => {
      const { store } = await make();
      const name = circuit();
      const campaign = (replica: string, more: Partial<LeaseReport> = {}): Promise<LeaseView> =>
        store.sync(
          name,
          { kind: "lease", replica, seq: 1, epoch: 0, wants: true, ttl: 30_000, ...more },
          deaf,
        ) as never;
      const candidates = Array.from({ length: 50 }, (_, number) => `candidate ${number}`);
      const views = await Promise.all(candidates.map((replica) => campaign(replica)));
      expect(views.filter(({ held }) => held)).toHaveLength(1);
      const first = views.findIndex(({ held }) => held);
      const { epoch, remaining } = views[first] as LeaseView;
      expect(remaining).toBeGreaterThan(20_000);
      const next = candidates[(first + 1) % 50] ?? "";
      expect(await campaign(next, { seq: 2, epoch })).toMatchObject({ held: false, epoch });
      await campaign(candidates[first] ?? "", { seq: 2, epoch, wants: false });
      const taken = await campaign(next, { seq: 3, epoch });
      expect(taken.held).toBe(true);
      expect(taken.epoch).toBeGreaterThan(epoch);
    });
  });
}
