import type { VirtualTime } from "../virtual-time.ts";
import { type Draw, faultsEnd, type Scenario } from "./scenario.ts";

/** Takes a message to where it goes, and the answer back, or not. */
export type Network = <T>(node: number, ask: () => Promise<T>) => Promise<T>;

/** Messages are lost, doubled, late and so out of order, and groups of nodes are cut off, until faults end. */
export function networkOf(scenario: Scenario, time: VirtualTime): Network {
  const draw = scenario.draw("network");
  const { calm, size } = scenario;
  const share = (most: number): number => (!calm && draw.chance(0.5) ? draw.between(0, most) : 0);
  const [lost, doubled, late] = [share(0.3), share(0.3), share(0.2)];
  const partitions = Array.from({ length: !calm && draw.chance(0.5) ? 3 : 0 }, () => {
    const from = draw.between(5_000, 25_000);
    const cut = new Set(Array.from({ length: size }, (_, node) => node).filter(() => draw.chance(0.5)));
    return { from, until: from + draw.between(1_000, 15_000), cut };
  });
  const cutOff = (node: number): boolean =>
    partitions.some(({ from, until, cut }) => time.now >= from && time.now < until && cut.has(node));
  return (node, ask) => over({ time, draw, lost, doubled, late, cutOff: () => cutOff(node) }, ask);
}

export interface Way {
  readonly time: VirtualTime;
  readonly draw: Draw;
  readonly lost: number;
  readonly doubled: number;
  readonly late: number;
  cutOff(): boolean;
}

/** A message and its answer back, or what becomes of them. */
export function over<T>({ time, draw, ...way }: Way, ask: () => Promise<T>): Promise<T> {
  const faulty = (): boolean => time.now < faultsEnd;
  return new Promise((resolve, reject) => {
    const gone = (): boolean => way.cutOff() || (faulty() && draw.chance(way.lost));
    const delay = (): number =>
      faulty() && draw.chance(way.late) ? draw.between(1_000, 20_000) : draw.between(1, 80);
    const hangs = draw.chance(0.5);
    const fail = (): void => {
      // Some ways to a home end in an error, others in silence.
      if (!hangs) time.after(4_000, () => reject(new Error("unreachable")));
    };
    const send = (): void => {
      if (gone()) {
        fail();
        return;
      }
      time.after(delay(), () => {
        ask().then(
          (answer) => (gone() ? fail() : time.after(delay(), () => resolve(answer))),
          (error: unknown) => time.after(delay(), () => reject(error)),
        );
      });
    };
    send();
    if (faulty() && draw.chance(way.doubled)) send();
  });
}
