import type { Identity } from "ninelives/control";
import type {
  CircuitObject,
  ControlObject,
  ObserverObject,
  ObserverParent,
  RegistryObject,
} from "ninelives/workers";
import type { OwnCommands } from "./commands.ts";

/** What a route of the Worker sees beside its request. */
export interface Surroundings {
  readonly Bindings: Env;
  readonly Variables: {
    readonly own?: OwnCommands;
    /** Who has been let in; nobody where all are. */
    readonly identity?: Identity;
    /** What lets this answer's own style be, of all that a page could be made to have. */
    readonly secureHeadersNonce?: string;
  };
}

/** The bindings of wrangler.toml, and whatever service bindings the upstreams name. */
export interface Env {
  readonly CIRCUITS: DurableObjectNamespace<CircuitObject>;
  readonly OBSERVER: DurableObjectNamespace<ObserverObject>;
  /** Needed only where the observer has more than one shard. */
  readonly OBSERVER_PARENT?: DurableObjectNamespace<ObserverParent>;
  /** Absent where nobody registers. */
  readonly REGISTRY?: DurableObjectNamespace<RegistryObject>;
  readonly CONTROL: DurableObjectNamespace<ControlObject>;
  readonly ASSETS: Fetcher;
  readonly UPSTREAMS: string;
  readonly PUBLIC_READS: string;
  /** The only hostname by which upstreams are reached; all without it. */
  readonly GATEWAY_HOST?: string;
  readonly TOKENS?: string;
  readonly JWT?: string;
  readonly INGEST_KEYS?: string;
  readonly INGEST_RATE?: string;
  readonly OBSERVER_SHARDS?: string;
  readonly EXPORTS?: string;
  readonly ALERTS?: string;
}
