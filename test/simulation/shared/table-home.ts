import type { Store } from "ninelives";
import { compareAndSetStore } from "ninelives/stores/compare-and-set";
import type { SharedRecord } from "ninelives/stores/durable-object";
import type { VirtualTime } from "../virtual-time.ts";
import type { Home } from "./home.ts";
import type { Network } from "./network.ts";
import { olderRecord } from "./older.ts";
import { faultsEnd, type Scenario } from "./scenario.ts";
import type { Watch } from "./watch.ts";
import { onVirtualTime } from "./world.ts";

interface Row {
  readonly text: string;
  readonly version: number;
  readonly record: SharedRecord;
  readonly counted: Set<string>;
}

/**
 * A table with compare-and-set as the home of processes: each decides by itself with `compareAndSetStore`, and writers
 * meet; reads and writes are lost, doubled and late, the table is wiped or slow, and has the writers' clocks or one of its own.
 */
export function tableHome(scenario: Scenario, time: VirtualTime, watch: Watch, network: Network): Home {
  const { calm, clocksFail, badNodes } = scenario;
  const { chance, between, random } = scenario.draw("table");
  const faulty = (): boolean => time.now < faultsEnd;
  const rows = new Map<string, Row>();
  const end = onVirtualTime(time, scenario.draw("platform").random);
  const slowFrom = !calm && chance(0.4) ? between(1_000, 25_000) : Infinity;
  let jumped = 0;
  // Tokens of a home that lost them begin at its time, which must be later than those before.
  const wipes = !calm && badNodes === 0 && chance(0.2);
  const ownClock = chance(0.5) || (wipes && clocksFail);
  const jump = (between(0, 1) - (wipes ? 0 : 0.7)) * 60_000;
  if (clocksFail) time.after(between(0, 35_000), () => (jumped = jump));
  let met = 0;
  let writes = 0;
  // What is not there has a version, too: what was read before the table was wiped must not be written after.
  let absent = 0;
  const wipe = (): void => {
    absent = ++writes;
    rows.clear();
    watch.wiped();
  };
  if (wipes) time.after(between(5_000, 35_000), wipe);

  /** The table takes a moment, and between a read and a write another writer may come. */
  const serve = <T>(answer: () => T): Promise<T> => {
    const slow = faulty() && time.now > slowFrom && time.now < slowFrom + 10_000;
    const takes = slow ? random() * 3_000 : random() * 5;
    return new Promise((resolve, reject) => {
      time.after(takes, () => {
        try {
          resolve(answer());
        } catch (error) {
          reject(error);
        }
      });
    });
  };

  function write(name: string, text: string, version: number): boolean {
    const before = rows.get(name);
    if ((before?.version ?? absent) !== version) {
      met++;
      return false;
    }
    const record = JSON.parse(text) as SharedRecord;
    const counted = before?.counted ?? new Set<string>();
    watch.became(name, before?.record, record, counted);
    rows.set(name, { text, version: ++writes, record, counted });
    return true;
  }

  return {
    record: (name) => rows.get(name)?.record,
    get met() {
      return met;
    },
    end,
    storeOf(node, older): Store {
      const skew = clocksFail ? between(-5_000, 5_000) : between(-50, 50);
      return compareAndSetStore<number>({
        get: (name) =>
          network(node, () =>
            serve(() => {
              const { text, version } = rows.get(name) ?? { text: undefined, version: absent };
              return { text, version, now: 1e9 + time.now + jumped + (ownClock ? 0 : skew) };
            }),
          ),
        set: (name, text, version) => {
          const kept = older ? JSON.stringify(olderRecord(JSON.parse(text))) : text;
          return network(node, () => serve(() => write(name, kept, version)));
        },
      });
    },
  };
}
