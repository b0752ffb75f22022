import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Population } from "./shared/scenario.ts";
import type { SharedState } from "./shared-state.ts";

/** What became of one seed. */
interface Run extends SharedState {
  readonly seed: number;
}

/** What became of all of them. */
export interface Faults {
  readonly seeds: number;
  /** Those of each population, and those of a hundred replicas and more. */
  readonly populations: Readonly<Record<Population, number>>;
  readonly large: number;
  readonly replicas: number;
  readonly reports: number;
  readonly calls: number;
  /** How often two writers met at a home with compare-and-set. */
  readonly met: number;
  /** The most calls beyond what was leased and beyond a limit, for each replica, by the span: see `LimitHeld`. */
  readonly excess: readonly number[];
  readonly well: readonly number[];
  readonly broken: readonly { readonly seed: number; readonly violations: readonly string[] }[];
}

/** Milliseconds between lines that say how far it is. */
const sayEvery = 20_000;
/** Seeds after which it says how long all will take. */
const sample = 40;

/**
 * Shared state under faults, a seed each, on all cores.
 *
 * @param thread the file of a thread
 * @param say hears how long it takes and how far it is
 * @param threads default one for each core
 */
export function underFaults(
  seeds: number,
  thread: URL,
  say: (line: string) => void,
  threads = availableParallelism(),
): Promise<Faults> {
  const began = performance.now();
  const count = Math.min(threads, seeds);
  const populations = { isolates: 0, processes: 0, tabs: 0 };
  const sums = { large: 0, replicas: 0, reports: 0, calls: 0, met: 0 };
  const excess = [0, 0, 0];
  const well = [0, 0, 0];
  const broken: { seed: number; violations: readonly string[] }[] = [];
  let next = 1;
  let done = 0;
  let saidAt = began;

  return new Promise((resolve, reject) => {
    const threads = Array.from({ length: count }, () => new Worker(thread));
    const end = (): void => {
      for (const each of threads) each.terminate();
    };
    const fail = (error: unknown): void => {
      end();
      reject(error);
    };
    const take = ({ seed, violations, ...run }: Run): void => {
      populations[run.population]++;
      if (run.replicas >= 100) sums.large++;
      for (const [index, most] of run.excess.entries()) excess[index] = Math.max(excess[index] ?? 0, most);
      for (const [index, most] of run.well.entries()) well[index] = Math.max(well[index] ?? 0, most);
      sums.met += run.met;
      sums.replicas += run.replicas;
      sums.reports += run.reports;
      sums.calls += run.calls;
      if (violations.length > 0) {
        broken.push({ seed, violations });
        say(`  seed ${seed}: ${violations[0]}`);
      }
      done++;
      const now = performance.now();
      const left = ((now - began) / done) * (seeds - done);
      if (done === sample && seeds > sample)
        say(`${seeds} seeds on ${count} threads take about ${minutes(left)}`);
      if (now - saidAt < sayEvery) return;
      saidAt = now;
      say(`  ${done} of ${seeds} seeds, ${broken.length} of them with violations, ${minutes(left)} to go`);
    };
    for (const each of threads) {
      each.on("error", fail);
      each.on("message", (run: Run) => {
        take(run);
        if (done === seeds) {
          end();
          broken.sort((a, b) => a.seed - b.seed);
          resolve({ seeds, populations, ...sums, excess, well, broken });
        } else if (next <= seeds) each.postMessage(next++);
      });
      each.postMessage(next++);
    }
  });
}

function minutes(ms: number): string {
  return ms < 90_000 ? `${Math.ceil(ms / 1_000)} s` : `${Math.ceil(ms / 60_000)} min`;
}
