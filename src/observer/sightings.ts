import type { CircuitState } from "../core/events.ts";
import { type CircuitRoom, mostCircuits, otherCircuits } from "./circuits.ts";

/** When calls came to a circuit in one state. */
interface Times {
  first: number;
  last: number;
}

/** In which states calls came to the circuits of one policy, and when: what is to be told of circuits beside their changes. */
export class Sightings {
  readonly #circuits = new Map<string, Map<CircuitState, Times>>();
  readonly #room: CircuitRoom;

  constructor(room: CircuitRoom) {
    this.#room = room;
  }

  /** The name that a circuit's numbers count for. */
  nameOf(circuit: string): string {
    return this.#circuits.has(circuit) || this.#hasRoom ? circuit : otherCircuits;
  }

  saw(circuit: string, state: CircuitState, at: number): void {
    const times = this.#circuits.get(circuit)?.get(state);
    if (times === undefined) this.#begin(circuit, state, at);
    else {
      times.first = Math.min(times.first, at);
      times.last = Math.max(times.last, at);
    }
  }

  told(): (readonly [circuit: string, state: CircuitState, first: number, last: number])[] {
    return [...this.#circuits].flatMap(([circuit, states]) =>
      [...states].map(([state, { first, last }]) => [circuit, state, first, last] as const),
    );
  }

  get #hasRoom(): boolean {
    return this.#circuits.size < mostCircuits && this.#room.left > 0;
  }

  #begin(circuit: string, state: CircuitState, at: number): void {
    const known = this.#circuits.get(circuit);
    if (known !== undefined) known.set(state, { first: at, last: at });
    else if (this.#hasRoom) {
      this.#room.left--;
      this.#circuits.set(circuit, new Map([[state, { first: at, last: at }]]));
    }
  }
}
