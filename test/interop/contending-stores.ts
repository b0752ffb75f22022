import { constant, retry } from "ninelives";
import { beforeAll, expect, it } from "vitest";
import type { Store } from "../../src/state/sync.ts";
import { deaf, report } from "../contracts/store.ts";

/** A real server, with two stores in it that know nothing of each other, as those of two processes. */
export interface Contended {
  readonly stores: readonly [Store, Store];
  /** What the server keeps under a name. */
  record(name: string): Promise<{
    readonly epoch: number;
    readonly counts: { readonly ok: number; readonly fail: number };
    readonly members: readonly { readonly replica: string; readonly seq: number }[];
  }>;
  /** Writes that the server refused since this was asked last: somebody else had been faster. */
  refused(): number;
  /** Ends the server without a word, and starts it again with what it had stored. */
  restart(): Promise<void>;
}

const replicas = 25;
const rounds = 4;
const all = 2 * replicas * rounds;

/**
 * What two stores do that write to one real server at once.
 *
 * @param make called once, when the server is there
 */
export function contendingStores(make: () => Promise<Contended> | Contended): void {
  let server: Contended;
  beforeAll(async () => {
    server = await make();
  });

  // As a replica does: a report whose fate is unknown goes again unchanged.
  const patient = retry({
    attempts: 200,
    backoff: constant("50ms"),
    retryOn: (outcome) => "error" in outcome,
  });

  /** Each of 25 replicas of either store makes four reports, one after the other and all replicas at once. */
  async function contend(name: string, answered: () => void = () => {}): Promise<number> {
    const { epoch } = await server.stores[0].sync(name, report({ replica: "first" }), deaf);
    const reporting = server.stores.flatMap((store, number) =>
      Array.from({ length: replicas }, async (_, each) => {
        const replica = `${number}/${each}`;
        for (let seq = 1; seq <= rounds; seq++) {
          await patient.execute(() => store.sync(name, report({ replica, seq, epoch, ok: 1 }), deaf));
          answered();
        }
      }),
    );
    await Promise.all(reporting);
    return epoch;
  }

  async function holdsAll(name: string, epoch: number): Promise<void> {
    const record = await server.record(name);
    expect(record).toMatchObject({ epoch, counts: { ok: all, fail: 0 } });
    const told = record.members.filter(({ replica }) => replica !== "first");
    expect(told).toHaveLength(2 * replicas);
    expect(told.filter(({ seq }) => seq !== rounds)).toEqual([]);
  }

  it("of two stores that write at once no report is lost or counted twice: who was slower decides again", async () => {
    server.refused();
    const epoch = await contend("contended");
    await holdsAll("contended", epoch);
    expect(server.refused()).toBeGreaterThan(0);
  });

  it("nor while the server is killed and started again in the middle of it", async () => {
    let answers = 0;
    let restarted: Promise<void> | undefined;
    const epoch = await contend("restarted", () => {
      answers++;
      if (answers === all / 4) restarted = server.restart();
    });
    await restarted;
    await holdsAll("restarted", epoch);
  });
}
