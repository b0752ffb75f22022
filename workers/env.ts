import type { CircuitObject, ControlObject, ObserverObject } from "ninelives/workers";

/** The bindings of wrangler.toml, and whatever service bindings the upstreams name. */
export interface Env {
  readonly CIRCUITS: DurableObjectNamespace<CircuitObject>;
  readonly OBSERVER: DurableObjectNamespace<ObserverObject>;
  readonly CONTROL: DurableObjectNamespace<ControlObject>;
  readonly ASSETS: Fetcher;
  readonly UPSTREAMS: string;
  readonly PUBLIC_READS: string;
  readonly TOKENS?: string;
  readonly JWT?: string;
  readonly INGEST_KEYS?: string;
  readonly INGEST_RATE?: string;
  readonly EXPORTS?: string;
  readonly ALERTS?: string;
}
