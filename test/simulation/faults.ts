import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { SharedState } from "./shared-state.ts";

/** What became of one seed. */
interface Run extends SharedState {
  readonly seed: number;
}

/** What became of all of them. */
export interface Faults {
  readonly seeds: number;
  readonly replicas: number;
  readonly reports: number;
  readonly calls: number;
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
 */
export function underFaults(seeds: number, thread: URL, say: (line: string) => void): Promise<Faults> {
  const began = performance.now();
  const count = Math.min(availableParallelism(), seeds);
  const sums = { replicas: 0, reports: 0, calls: 0 };
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
          resolve({ seeds, ...sums, broken });
        } else if (next <= seeds) each.postMessage(next++);
      });
      each.postMessage(next++);
    }
  });
}

function minutes(ms: number): string {
  return ms < 90_000 ? `${Math.ceil(ms / 1_000)} s` : `${Math.ceil(ms / 60_000)} min`;
}
