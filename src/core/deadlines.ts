import type { Clock, TimerHandle } from "./clock.ts";

/** A place in a list of deadlines. */
interface Place {
  /** By the clock of its queue. */
  readonly at: number;
  /** Its neighbours; the queue's to keep. */
  before: Place | undefined;
  after: Place | undefined;
}

/** Something that must happen at a time unless it is removed before. */
export interface Due extends Place {
  /** Its own timer; the queue's to keep. */
  timer: TimerHandle;
  /** Called once, when the time has come. */
  expire(): void;
}

/** What keeps deadlines, by one clock. */
export interface Deadlines {
  add(deadline: Due, now: number): void;
  remove(deadline: Due): void;
}

/** A timer of its own for each deadline. */
export class OwnTimers implements Deadlines {
  readonly #clock: Clock;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(deadline: Due, now: number): void {
    deadline.timer = this.#clock.setTimer(() => deadline.expire(), deadline.at - now);
  }

  remove(deadline: Due): void {
    this.#clock.clearTimer(deadline.timer);
  }
}

/**
 * Many deadlines, one timer.
 *
 * A timer of its own for each call costs 0.5 µs; here a call that answers in time only joins and leaves a list, which is
 * in order of time because most calls of a policy have the same time-out. The timer outlives the calls but keeps no
 * process alive for nobody.
 */
class SharedTimer implements Deadlines, Place {
  // The list is a ring, and this is where it begins and ends: before all that is due.
  readonly at: number = -Infinity;
  before: Place = this;
  after: Place = this;
  readonly #clock: Clock;
  #timer: TimerHandle;
  /** When the shared timer fires; `Infinity` when none is set. */
  #fires = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(deadline: Due, now: number): void {
    const idle = this.after === this;
    let { before } = this;
    while (before.at > deadline.at) before = before.before as Place;
    const after = before.after as Place;
    deadline.before = before;
    deadline.after = after;
    before.after = after.before = deadline;
    if (deadline.at < this.#fires) this.#arm(deadline.at, now);
    else if (idle) this.#clock.keepAlive(this.#timer, true);
  }

  remove(deadline: Due): void {
    const { before, after } = deadline as { before: Place; after: Place };
    before.after = after;
    after.before = before;
    if (this.after === this && this.#fires !== Infinity) this.#clock.keepAlive(this.#timer, false);
  }

  #arm(at: number, now: number): void {
    if (this.#fires !== Infinity) this.#clock.clearTimer(this.#timer);
    this.#fires = at;
    this.#timer = this.#clock.setTimer(() => this.#fire(), at - now);
  }

  #fire(): void {
    this.#fires = Infinity;
    const now = this.#clock.now();
    for (let first = this.after; first !== this && first.at <= now; first = this.after) {
      this.remove(first as Due);
      (first as Due).expire();
    }
    // What expired may have led to new calls at once, and armed the timer for the first of those only.
    if (this.after !== this && this.after.at < this.#fires) this.#arm(this.after.at, now);
  }
}

/** One timer for all where calls may share one, and a timer for each where they may not. */
export function deadlinesOf(clock: Clock): Deadlines {
  return clock.sharesTimers() ? new SharedTimer(clock) : new OwnTimers(clock);
}

/** One list of deadlines for each clock that turns up, which is nearly always the same one. */
export function deadlinesByClock(): (clock: Clock) => Deadlines {
  let known: Clock | undefined;
  let deadlines: Deadlines | undefined;
  return (clock) => {
    if (deadlines === undefined || known !== clock) {
      known = clock;
      deadlines = deadlinesOf(clock);
    }
    return deadlines;
  };
}
