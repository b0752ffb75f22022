import type { Clock, TimerHandle } from "./clock.ts";

/** Something that must happen at a time unless it is removed before. */
export interface Due {
  /** By the clock of its queue. */
  readonly at: number;
  /** Its place in the queue, and its own timer; the queue's to keep. */
  before: Due | undefined;
  after: Due | undefined;
  timer: TimerHandle;
  /** Called once, when the time has come. */
  expire(): void;
}

/** What is due and nothing else. */
export abstract class Deadline implements Due {
  readonly at: number;
  before: Due | undefined;
  after: Due | undefined;
  timer: TimerHandle;

  constructor(at: number) {
    this.at = at;
  }

  abstract expire(): void;
}

/**
 * Many deadlines, one timer.
 *
 * A timer of its own for each call costs 0.5 µs; here a call that answers in time only joins and leaves a list, which is
 * in order of time because most calls of a policy have the same time-out. The timer outlives the calls but keeps no
 * process alive for nobody. Where calls cannot share a timer, each has its own.
 */
export class Deadlines {
  readonly #clock: Clock;
  readonly #shared: boolean;
  #first: Due | undefined;
  #last: Due | undefined;
  #timer: TimerHandle;
  /** When the shared timer fires; `Infinity` when none is set. */
  #fires = Infinity;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#shared = clock.sharesTimers();
  }

  add(deadline: Due, now: number): void {
    if (!this.#shared) {
      deadline.timer = this.#clock.setTimer(() => deadline.expire(), deadline.at - now);
      return;
    }
    const idle = this.#first === undefined;
    let before = this.#last;
    while (before !== undefined && before.at > deadline.at) before = before.before;
    this.#insert(deadline, before);
    if (deadline.at < this.#fires) this.#arm(deadline.at, now);
    else if (idle) this.#clock.keepAlive(this.#timer, true);
  }

  remove(deadline: Due): void {
    if (!this.#shared) {
      this.#clock.clearTimer(deadline.timer);
      return;
    }
    const { before, after } = deadline;
    if (before === undefined) this.#first = after;
    else before.after = after;
    if (after === undefined) this.#last = before;
    else after.before = before;
    if (this.#first === undefined && this.#fires !== Infinity) this.#clock.keepAlive(this.#timer, false);
  }

  #insert(deadline: Due, before: Due | undefined): void {
    const after = before === undefined ? this.#first : before.after;
    deadline.before = before;
    deadline.after = after;
    if (before === undefined) this.#first = deadline;
    else before.after = deadline;
    if (after === undefined) this.#last = deadline;
    else after.before = deadline;
  }

  #arm(at: number, now: number): void {
    if (this.#fires !== Infinity) this.#clock.clearTimer(this.#timer);
    this.#fires = at;
    this.#timer = this.#clock.setTimer(() => this.#fire(), at - now);
  }

  #fire(): void {
    this.#fires = Infinity;
    const now = this.#clock.now();
    for (let first = this.#first; first !== undefined && first.at <= now; first = this.#first) {
      this.remove(first);
      first.expire();
    }
    // What expired may have led to new calls at once, and armed the timer for the first of those only.
    if (this.#first !== undefined && this.#first.at < this.#fires) this.#arm(this.#first.at, now);
  }
}

/** One list of deadlines for each clock that turns up, which is nearly always the same one. */
export function deadlinesByClock(): (clock: Clock) => Deadlines {
  let known: Clock | undefined;
  let deadlines: Deadlines | undefined;
  return (clock) => {
    if (deadlines === undefined || known !== clock) {
      known = clock;
      deadlines = new Deadlines(clock);
    }
    return deadlines;
  };
}
