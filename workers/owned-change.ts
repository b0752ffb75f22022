import {
  CommandError,
  type DocumentPlane,
  documentEdits,
  flag,
  historyOf,
  type Identity,
  inForce,
  optional,
  span,
  text,
  wholeNumber,
} from "ninelives/control";

/** How a document of an upstream's own may be changed, as arguments of a command. */
export const ownedChange = {
  version: optional(wholeNumber({ description: "the version that you saw; any without it" })),
  expiresIn: optional(span("after which it takes itself back")),
  dryRun: optional(flag("only tells what would hold")),
  reason: optional(text({ most: 300, description: "why, for the audit log" })),
};

/** What of a document holds. */
export interface Held {
  readonly text: string;
  readonly version: number;
  /** When it takes itself back, in milliseconds since 1970. */
  readonly until: number | undefined;
}

export async function heldIn(plane: DocumentPlane, name: string): Promise<Held> {
  const { text, version, until } = inForce(await historyOf(plane, name));
  return { text, version, until };
}

/**
 * Changes a document, or tells what would then hold.
 *
 * @throws CommandError: `invalid-arguments`, `conflict`
 */
export async function changeOwned(
  plane: DocumentPlane,
  name: string,
  how: {
    readonly version?: number | undefined;
    readonly expiresIn?: number | undefined;
    readonly dryRun?: boolean | undefined;
  },
  { name: by }: Identity,
  edit: (text: string) => string,
): Promise<Held> {
  const { version, expiresIn, dryRun } = how;
  const outcome = await documentEdits(plane)({ name, edit, version, expiresIn, dryRun, by });
  if (!("dryRun" in outcome)) return { until: undefined, ...outcome };
  const [error] = outcome.errors;
  if (error !== undefined) {
    const isPast = version !== undefined && version !== outcome.version;
    throw new CommandError(isPast ? "conflict" : "invalid-arguments", error.message);
  }
  return { text: outcome.text, version: outcome.version, until: outcome.until };
}
