import type { View } from "ninelives";
import type { SharedRecord } from "ninelives/stores/durable-object";
import { indexedDbStore } from "ninelives/stores/indexeddb";
import type { VirtualTime } from "../virtual-time.ts";
import { broadcastChannels, indexedDatabase, nameFor } from "./browser.ts";
import type { Home } from "./home.ts";
import { olderRecord } from "./older.ts";
import { faultsEnd, type Scenario } from "./scenario.ts";
import type { Watch } from "./watch.ts";
import { onVirtualTime } from "./world.ts";

interface Row {
  readonly record: SharedRecord;
  readonly counted: Set<string>;
}

/**
 * One browser's database as the home of its tabs, by `indexedDbStore` itself: atomic updates, any tab speaks for all, news by
 * BroadcastChannel. It is wiped, full, or hangs, the wall clock jumps, messages of tabs in the background are late.
 */
export function tabsHome(scenario: Scenario, time: VirtualTime, watch: Watch): Home {
  const { calm, clocksFail } = scenario;
  const draw = scenario.draw("tabs");
  const { chance, between } = draw;
  const rows = new Map<string, Row>();
  const old = new Set<number>();
  /** How often each tab wrote each name, and views that a tab made up without its database. */
  const writes = new Map<string, number>();
  const alone = new WeakSet<View>();
  const during = (probability: number): (() => boolean) => {
    const from = !calm && chance(probability) ? between(1_000, 25_000) : Infinity;
    const until = Math.min(faultsEnd, from + between(1_000, 15_000));
    return () => time.now > from && time.now < until;
  };
  const [hangs, full] = [during(0.3), during(0.3)];
  let jumped = 0;
  // Tokens of a home that lost them begin at its time, which must be later than those before.
  const wipes = !calm && chance(0.3);
  const jump = (between(0, 1) - (wipes ? 0 : 0.7)) * 60_000;
  if (clocksFail) time.after(between(0, 35_000), () => (jumped = jump));
  const wipe = (): void => {
    rows.clear();
    watch.wiped();
  };
  if (wipes) time.after(between(5_000, 35_000), wipe);

  const endPlatform = onVirtualTime(time, scenario.draw("platform").random);
  const world = globalThis as Record<string, unknown>;
  const before = { indexedDB: world.indexedDB, BroadcastChannel: world.BroadcastChannel };
  const { now } = Date;
  Date.now = () => 1.7e12 + Math.floor(time.now) + jumped;
  Object.assign(globalThis, {
    BroadcastChannel: broadcastChannels(time, draw, calm || chance(0.5) ? 0 : between(0, 0.3)),
    indexedDB: indexedDatabase(time, draw, {
      hangs,
      full,
      read: (name) => rows.get(name)?.record,
      write(tab, name, value) {
        writes.set(`${tab} ${name}`, (writes.get(`${tab} ${name}`) ?? 0) + 1);
        const was = rows.get(name);
        const record = old.has(tab) ? olderRecord(value as SharedRecord) : (value as SharedRecord);
        const counted = was?.counted ?? new Set<string>();
        watch.became(name, was?.record, record, counted);
        rows.set(name, { record, counted });
      },
    }),
  });

  return {
    record: (name) => rows.get(name)?.record,
    storeOf(node, older) {
      if (older) old.add(node);
      const store = indexedDbStore({ database: nameFor(node) });
      return {
        async sync(name, report, onNews) {
          const written = (): number => writes.get(`${node} ${name}`) ?? 0;
          const before = written();
          const view = await store.sync(name, report, onNews);
          if (written() === before) alone.add(view);
          return view;
        },
      };
    },
    isShared: (view) => !alone.has(view),
    end() {
      Object.assign(globalThis, before);
      Date.now = now;
      endPlatform();
    },
  };
}
