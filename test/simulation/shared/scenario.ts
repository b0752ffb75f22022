import type { Random } from "ninelives";
import { seededRandom } from "ninelives/testing";

/** Faults end at this time, and a minute later all must agree. */
export const faultsEnd = 40_000;
export const end = 101_000;
/** Milliseconds for which a lease is held unless it is renewed. */
export const leaseTtl = 6_000;

/** Who shares, and where: by this much else is decided. */
export type Population = "isolates" | "processes" | "tabs";

/** Each so many-th seed has so many replicas; the others have two to eight. */
export const largeEach = 100;
const mostReplicas = 300;
/** Writers of one table meet so often that more of them would take minutes. */
const mostProcesses = 150;

/** What is true of one seed, and chances for all else: each concern has its own, so that a new one changes no other. */
export interface Scenario {
  readonly seed: number;
  readonly population: Population;
  readonly size: number;
  /** Nothing goes wrong but the origin. */
  readonly calm: boolean;
  /** Clocks are off, run fast or slow, stand still or jump. */
  readonly clocksFail: boolean;
  /** Some replicas or homes are of an older version. */
  readonly mixed: boolean;
  /** Calls that a half-open circuit lets through at a time, and how many of them must succeed. */
  readonly probes: number;
  readonly successesToClose: number;
  /** Homes of regions under the root; 0 for none. */
  readonly regions: number;
  /** So many of the first replicas find the origin dead as long as there are faults; 0 where it dies for all. */
  readonly badNodes: number;
  readonly downFrom: number;
  readonly downUntil: number;
  /** Random numbers of one concern. */
  draw(concern: string): Draw;
}

/** Random numbers in the forms that are needed. */
export interface Draw {
  readonly random: Random;
  chance(probability: number): boolean;
  between(least: number, most: number): number;
  whole(least: number, below: number): number;
}

/** The same seed gives the same. */
export function scenarioOf(seed: number, given: Partial<Scenario> = {}): Scenario {
  const draw = (concern: string): Draw => drawOf(seededRandom(mixed(seed, concern)));
  const { chance, between, whole, random } = draw("scenario");
  const kind = random();
  const population = given.population ?? (kind < 0.4 ? "isolates" : kind < 0.7 ? "processes" : "tabs");
  const most = population === "processes" ? mostProcesses : mostReplicas;
  const size = given.size ?? (seed % largeEach === 0 ? whole(100, most + 1) : whole(2, 9));
  const calm = chance(0.1);
  const clocksFail = !calm && chance(0.5);
  const anyVersion = !calm && chance(0.4);
  const probes = whole(1, 6);
  const successesToClose = whole(1, Math.min(probes, 3) + 1);
  const regions = population === "isolates" && chance(0.4) ? whole(1, Math.min(4, size) + 1) : 0;
  // One tab may speak for all: they have one network.
  const minority = population !== "tabs" && size >= 3 && chance(0.3);
  const badNodes = minority ? Math.ceil(size / 2) - 1 : 0;
  const downFrom = between(8_000, 20_000);
  const downUntil = downFrom + between(3_000, 18_000);
  const told = { seed, population, size, calm, clocksFail, mixed: anyVersion, probes, successesToClose };
  return { ...told, regions, badNodes, downFrom, downUntil, draw, ...given };
}

function drawOf(random: Random): Draw {
  const between = (least: number, most: number): number => least + random() * (most - least);
  return {
    random,
    between,
    chance: (probability) => random() < probability,
    whole: (least, below) => Math.floor(between(least, below)),
  };
}

/** A seed of its own for each concern. Source: FNV-1a, Fowler, Noll and Vo. */
function mixed(seed: number, concern: string): number {
  let hash = 0x811c9dc5 ^ seed;
  for (const character of `${concern} ${seed}`)
    hash = Math.imul(hash ^ (character.codePointAt(0) as number), 0x01000193);
  return hash >>> 0;
}
