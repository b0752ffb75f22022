import type { CommandEnvelope } from "ninelives/control";
import { connectApi, explained } from "./api.ts";
import { commandSender, envelope } from "./commands.ts";
import { followLive, type Live } from "./live.ts";
import { type Act, type Link, linked, received } from "./model.ts";
import { Store } from "./store.ts";
import { token } from "./token.ts";

/** Milliseconds of silence after which somebody who comes back to the page gets a new connection. */
const tooQuiet = 15_000;

/** The page's ties to the server: what it shows comes in through the store, what it wants goes out through here. */
export class Dashboard {
  readonly store: Store = new Store();
  readonly api = connectApi();
  readonly #live: Live;
  readonly #send = commandSender(this.api, (why) => this.askForToken(why));
  #answered: ((given: boolean) => void) | undefined;

  constructor(url: string) {
    this.#live = followLive({
      open: (protocols) => {
        const { place } = this.store.model;
        return new WebSocket(place === null ? url : `${url}?after=${encodeURIComponent(place)}`, protocols);
      },
      state: () => this.api.state(),
      onLink: (link) => this.#linked(link),
      onMessage: (message) => this.store.update((model) => received(model, message, Date.now())),
      onPong: () => this.store.update((model) => ({ ...model, heardAt: Date.now() })),
    });
    // What the browser knows of its network the back-off, or the silence, would tell only later.
    const look = (): void => {
      const { link, heardAt } = this.store.model;
      const silent = Date.now() - (heardAt ?? Date.now()) > tooQuiet;
      if (!document.hidden && (link.state === "waiting" || (link.state === "live" && silent)))
        this.#live.restart();
    };
    addEventListener("online", look);
    document.addEventListener("visibilitychange", look);
  }

  /**
   * Sends a command. Never fails: what went wrong is in what it gives.
   *
   * @param done what to say when it was done
   */
  async command(name: string, args: CommandEnvelope["args"], done: string): Promise<Act> {
    try {
      await this.#send(envelope(name, args));
      return { status: "done", detail: done, at: Date.now() };
    } catch (error) {
      return { status: "failed", detail: explained(error), at: Date.now() };
    } finally {
      this.refreshPolicies();
    }
  }

  /** Sends a command to the circuit of a policy, and shows beside it what becomes of it. */
  async steer(policy: string, name: string, done: string): Promise<void> {
    const tell = (act: Act): void =>
      this.store.update((model) => ({ ...model, acts: new Map(model.acts).set(policy, act) }));
    tell({ status: "pending", detail: "sending…", at: Date.now() });
    tell(await this.command(name, { circuit: policy }, done));
  }

  /** Asks which policies may be steered, and how they read now. */
  async refreshPolicies(): Promise<void> {
    try {
      const documents = await this.api.policies();
      const byName = new Map(documents.map((document) => [document.name, document]));
      this.store.update((model) => ({ ...model, documents: byName }));
    } catch {
      // What was known stays; whether the server is there at all the link says.
    }
  }

  /** Opens the dialog. Settles when it is closed, with whether a token was given. */
  askForToken(why: string): Promise<boolean> {
    this.#answered?.(false);
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.store.update((model) => ({ ...model, tokenWanted: { why } }));
    });
  }

  /** Takes what was entered into the dialog; `null` when it was dismissed. */
  answerToken(given: string | null): void {
    if (given !== null) token.write(given);
    this.store.update((model) => ({ ...model, tokenWanted: null }));
    this.#answered?.(given !== null);
    this.#answered = undefined;
    if (given !== null && this.store.model.link.state === "refused") this.#live.restart();
  }

  #linked(link: Link): void {
    const before = this.store.model.link.state;
    this.store.update((model) => linked(model, link, Date.now()));
    if (link.state === "live") this.refreshPolicies();
    if (link.state === "refused" && before !== "refused") {
      this.askForToken(
        token.read() === null
          ? "This observer shows itself only to those who have a token."
          : "The server does not accept this token for looking.",
      );
    }
  }
}
