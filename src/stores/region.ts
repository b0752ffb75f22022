import type { Clock } from "../core/clock.ts";
import { type EnvironmentOptions, environment } from "../core/environment.ts";
import { platform } from "../core/platform.ts";
import { compose } from "../core/policy.ts";
import { timeout } from "../policies/timeout.ts";
import {
  answeredByRoot,
  answerInRegion,
  isDue,
  lostRoot,
  mustStoreRegion,
  newRegion,
  type RegionRecord,
  reportToRoot,
  takeInRegion,
} from "../state/region.ts";
import type { CircuitReport, CircuitView } from "../state/sync.ts";

/** By which the home of a region is reached. */
export const regionName = (name: string, region: string): string => `${name}@${region}`;

/** What the home of a region is made of. */
export interface RegionOptions {
  /** Of the region. */
  readonly name: string;
  /** What was kept last. */
  readonly record: RegionRecord | undefined;
  /** Keeps the record; `at once` when it must be there before anybody hears of it, and else now and then. */
  keep(record: RegionRecord, atOnce: boolean): void;
  /** Tells the root. */
  root(report: CircuitReport): Promise<CircuitView>;
  /** Clock and random numbers. Default the platform's. */
  readonly environment?: Pick<EnvironmentOptions, "clock" | "random">;
}

/** The root gave no word that still holds: a replica goes on by itself, as one whose home is gone. */
export class RootLostError extends Error {
  override readonly name = "RootLostError";
}

/** Milliseconds within which a root must answer: the replicas wait for twice as long. */
const longestAnswer = 2_000;

/**
 * The home of one region: its replicas report to it, and it to the root, for all of them.
 *
 * It needs no timer: what the root is to know rides along with the reports of replicas, and only the one report that
 * carries it waits for the root.
 */
export class Region {
  readonly #options: RegionOptions;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #root: (report: CircuitReport) => Promise<CircuitView>;
  #record: RegionRecord;
  /** What is under way to the root, or was last; it never rejects for the root. */
  #telling: Promise<void> | undefined;
  /** No other report goes to the root before: not for longer, since what carried it may be gone. */
  #underWayUntil = 0;

  constructor(options: RegionOptions) {
    this.#options = options;
    const { clock = platform.clock, random = platform.random } = options.environment ?? {};
    this.#clock = clock;
    this.#random = random;
    this.#record =
      options.record ?? newRegion(options.name, random().toString(36).slice(2, 14), this.#clock.wall());
    this.#root = compose(environment({ clock }), timeout(longestAnswer)).wrap((report: CircuitReport) =>
      options.root(report),
    );
  }

  get record(): RegionRecord {
    return this.#record;
  }

  /**
   * Takes a replica's report and answers with what the root said last.
   *
   * @throws RootLostError when that no longer holds
   */
  async sync(report: CircuitReport): Promise<CircuitView> {
    const [taken, repeated] = takeInRegion(this.#record, report, this.#clock.wall());
    this.#become(taken);
    const carries = isDue(taken) && this.#clock.now() >= this.#underWayUntil;
    if (carries) this.#telling = this.#tellRoot();
    // The first word of the root is worth waiting for: there is no other to give.
    if (carries || taken.view === undefined) await this.#telling;
    const [answered, view] = answerInRegion(this.#record, report, repeated);
    this.#become(answered);
    if (view === undefined) throw new RootLostError(`region ${this.#options.name} hears nothing of its root`);
    return view;
  }

  async #tellRoot(): Promise<void> {
    this.#underWayUntil = this.#clock.now() + longestAnswer;
    const [telling, report] = reportToRoot(this.#record);
    const sentAt = telling.time;
    this.#become(telling);
    try {
      const view = await this.#root(report);
      this.#become(answeredByRoot(this.#record, report, view, sentAt, this.#clock.wall(), this.#random()));
    } catch {
      this.#become(lostRoot(this.#record, this.#clock.wall(), this.#random()));
    } finally {
      this.#underWayUntil = 0;
    }
  }

  #become(record: RegionRecord): void {
    this.#options.keep(record, mustStoreRegion(this.#record, record));
    this.#record = record;
  }
}
