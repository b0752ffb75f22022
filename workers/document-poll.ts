import type { PolicyDocument } from "ninelives/control";
import type { PolledDocuments } from "ninelives/workers";
import type { Env } from "./env.ts";
import { controlOf } from "./homes.ts";

/** Milliseconds from one question to the next, as long as nobody has told another pause. */
const firstPause = 2_000;

/** Has an isolate go by the documents that hold: asks for them as often as their home says, and no more. */
export class DocumentPoll {
  readonly #env: Env;
  readonly #take: (documents: readonly PolicyDocument[]) => Promise<void>;
  #dueAt = -Infinity;
  /** As the home said last. One that is down is not asked more often than before: it has to get up under these questions. */
  #pause = firstPause;
  /** Which documents are in force here, as their home counts. */
  #revision: number | undefined;

  /** @param take puts documents in force; it never rejects */
  constructor(env: Env, take: (documents: readonly PolicyDocument[]) => Promise<void>) {
    this.#env = env;
    this.#take = take;
  }

  /** Whether it is time to ask. Who hears so asks; the others go on. */
  isDue(now: number): boolean {
    if (now < this.#dueAt) return false;
    this.#dueAt = now + this.#pause;
    return true;
  }

  /** Asks, and puts in force what is new. Never rejects: what is in force stays so, and is asked about again after a while. */
  async ask(): Promise<void> {
    this.#dueAt = Date.now() + this.#pause;
    try {
      const polled = await this.#env.CONTROL.getByName("control").poll(this.#revision);
      const dueAt = Date.now() + polled.nextIn;
      await this.#enforce(polled);
      // Not before: a request may end while it puts them in force, and another one must not wait for long then.
      this.#pause = polled.nextIn;
      this.#dueAt = dueAt;
    } catch (error) {
      console.warn("policy documents could not be followed", error);
    }
  }

  /** The same for who needs them now, whenever it is time. @throws what their home throws */
  async askOnce(): Promise<void> {
    await this.#enforce(await controlOf(this.#env).poll(this.#revision, true));
  }

  async #enforce({
    revision,
    documents = [],
  }: Pick<PolledDocuments, "revision" | "documents">): Promise<void> {
    await this.#take(documents);
    this.#revision = revision;
  }
}
