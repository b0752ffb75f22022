import type { Store, View } from "ninelives";
import type { SharedRecord } from "ninelives/stores/durable-object";

/** Where a population shares what it shares. */
export interface Home {
  /** What a node reaches it by. */
  storeOf(node: number, older: boolean): Store;
  /** What it knows under a name. */
  record(name: string): SharedRecord | undefined;
  /** How often two writers met, where they can. */
  readonly met?: number;
  /** Whether a view is the home's word, and not what a replica made up without it. */
  isShared?(view: View): boolean;
  /** Leaves the world as it was. */
  end?(): void;
}
