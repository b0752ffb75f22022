import { DurableObject } from "cloudflare:workers";
import {
  type Hand,
  healthy,
  type Knobs,
  type KnobsChange,
  type KnobsReport,
  type Resource,
  resources,
} from "../wire.ts";

/** Milliseconds for which the scenario keeps its hands off after a visitor turned a knob. */
const hold = 120_000;

type Settings = Record<Resource, Knobs>;
type Counts = Record<Resource, number>;

/** Who turned the knobs last, why, and when. */
interface Turn {
  readonly by: Hand;
  readonly note: string;
  readonly at: number;
}

/** What the origin knows: how its knobs stand, and how often it was called. It outlives a restart. */
export class OriginObject extends DurableObject {
  /** Counts a call and says how to treat it. */
  receive(resource: Resource): Knobs {
    const counts = this.#counts();
    this.ctx.storage.kv.put("counts", { ...counts, [resource]: counts[resource] + 1 });
    return this.#settings()[resource];
  }

  report(): KnobsReport {
    const { by, note } = this.#turn();
    return { settings: this.#settings(), by, note, heldFor: this.#heldFor(), counts: this.#counts() };
  }

  /** Turns the knobs; tells whether it did, which it does not for the scenario while a visitor holds them. */
  turn({ by, resource, note = "", ...knobs }: KnobsChange): boolean {
    if (by === "scenario" && this.#heldFor() > 0) return false;
    const turned: Knobs = { ...healthy, ...knobs };
    const settings = resource === undefined ? all(turned) : { ...this.#settings(), [resource]: turned };
    this.#save(settings, { by, note, at: Date.now() });
    return true;
  }

  /** Heals everything and leaves the knobs to the scenario. */
  release(): void {
    this.#save(all(healthy), { by: "scenario", note: "", at: 0 });
  }

  /** Counts from zero again. */
  forget(): void {
    this.ctx.storage.kv.delete("counts");
  }

  #save(settings: Settings, turn: Turn): void {
    this.ctx.storage.kv.put("settings", settings);
    this.ctx.storage.kv.put("turn", turn);
  }

  #settings(): Settings {
    return this.ctx.storage.kv.get<Settings>("settings") ?? all(healthy);
  }

  #counts(): Counts {
    return this.ctx.storage.kv.get<Counts>("counts") ?? { products: 0, prices: 0, reviews: 0 };
  }

  #turn(): Turn {
    return this.ctx.storage.kv.get<Turn>("turn") ?? { by: "scenario", note: "", at: 0 };
  }

  #heldFor(): number {
    const { by, at } = this.#turn();
    return by === "visitor" ? Math.max(0, at + hold - Date.now()) : 0;
  }
}

function all(knobs: Knobs): Settings {
  return Object.fromEntries(resources.map((resource) => [resource, knobs])) as Settings;
}
