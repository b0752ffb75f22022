import type { CommandEnvelope } from "ninelives/control";
import { connectApi, explained } from "./api.ts";
import { commandSender, envelope } from "./commands.ts";
import { followLive, type Live } from "./live.ts";
import { type Act, type Link, linked, received } from "./model.ts";
import { Store } from "./store.ts";
import { token } from "./token.ts";

/** Milliseconds of silence after which somebody who comes back to the page gets a new connection. */
const tooQuiet = 15_000;

/** Milliseconds between looks at the policies that may be steered. */
const lookAgain = 30_000;

/** The page's ties to the server: what it shows comes in through the store, what it wants goes out through here. */
export class Dashboard {
  readonly store: Store = new Store();
  readonly api = connectApi();
  readonly #live: Live;
  readonly #send = commandSender(this.api, (why, refused) => this.askForToken(why, refused));
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
    // Others change policies too, and overrides end.
    setInterval(() => {
      if (!document.hidden && this.store.model.link.state === "live") this.refreshPolicies();
    }, lookAgain);
    document.addEventListener("visibilitychange", look);
  }

  /** Sends a command, and gives what came of it. */
  async command(name: string, args: CommandEnvelope["args"]): Promise<unknown> {
    try {
      return (await this.#send(envelope(name, args))).value;
    } finally {
      this.refreshPolicies();
    }
  }

  /** Sends a command to a circuit, and shows beside it what becomes of it. */
  async steer(circuit: string, name: string, done: string): Promise<void> {
    const tell = (status: Act["status"], detail: string): void => {
      const act = { status, detail, at: Date.now() };
      this.store.update((model) => ({ ...model, acts: new Map(model.acts).set(circuit, act) }));
    };
    tell("pending", "sending…");
    try {
      await this.command(name, { circuit });
      tell("done", done);
    } catch (error) {
      tell("failed", explained(error));
    }
  }

  /** Asks which policies may be steered, and how they read now with all their values. */
  async refreshPolicies(): Promise<void> {
    try {
      const [documents, parameters] = await Promise.all([this.api.policies(), this.api.parameters()]);
      const byName = new Map(documents.map((document) => [document.name, document]));
      this.store.update((model) => ({ ...model, documents: byName, parameters }));
    } catch {
      // What was known stays; whether the server is there at all the link says.
    }
  }

  /** Opens the dialog. Settles when it is closed, with whether a token was given. */
  askForToken(why: string, refused = false): Promise<boolean> {
    this.#answered?.(false);
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.store.update((model) => ({ ...model, tokenWanted: { why, refused } }));
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
      const given = token.read() !== null;
      this.askForToken(
        given
          ? "The server does not accept this token for looking."
          : "This observer shows itself only to those who have a token.",
        given,
      );
    }
  }
}
