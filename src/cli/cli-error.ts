/** What a command ends with, for scripts to branch on; the guide has the same table. */
export const exits = {
  done: 0,
  /** The server refused it, or a check did not pass. */
  failed: 1,
  /** It was called wrongly: nothing was sent. */
  usage: 2,
  /** The token is missing, not known, or lacks the scope. */
  denied: 3,
  /** There was no answer, or none that a Nine Lives gives. */
  unreachable: 4,
  /** Somebody else changed it in the meantime: look again, then try again. */
  conflict: 5,
  /** Ctrl-C. */
  interrupted: 130,
} as const;

export type Exit = (typeof exits)[keyof typeof exits];

/** What ends a command with a message for whoever called it, and perhaps what they can do. */
export class CliError extends Error {
  override readonly name = "CliError";
  readonly exit: Exit;
  readonly hint: string | undefined;

  constructor(exit: Exit, message: string, hint?: string) {
    super(message);
    this.exit = exit;
    this.hint = hint;
  }
}
