/** Why a command was not done. */
export type CommandFailure =
  | "unauthenticated"
  | "forbidden"
  | "unknown-command"
  | "invalid-arguments"
  | "not-found"
  | "conflict";

/** A command that was not done. Nothing has changed. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly kind: CommandFailure;
  /** What a program may read of it, such as the version that a conflict found; transports send it along. */
  readonly members: Readonly<Record<string, unknown>>;

  /** Names of what there is instead: of them the sender is told those that they may touch, and must hear of no other. */
  readonly there: readonly string[] | undefined;

  constructor(
    kind: CommandFailure,
    message: string,
    options: {
      readonly cause?: unknown;
      readonly members?: Readonly<Record<string, unknown>>;
      readonly there?: Iterable<string>;
    } = {},
  ) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.kind = kind;
    this.members = options.members ?? {};
    this.there = options.there && [...options.there];
  }
}
