import type { Exit } from "./cli-error.ts";
import type { Given, OptionForms } from "./given.ts";
import type { Screen } from "./screen.ts";
import type { Server } from "./server.ts";
import type { World } from "./world.ts";

/** What a command works with. */
export interface Call {
  readonly given: Given;
  /** Its own words, behind its name. */
  readonly words: readonly string[];
  readonly server: Server;
  readonly screen: Screen;
  readonly world: World;
}

/** One command of the command line. */
export interface CliCommand {
  /** Such as `policies list`. */
  readonly name: string;
  /** In a line, what it does. */
  readonly summary: string;
  /** Its words as the help shows them: `<name>` must be there, `[version]` may be. */
  readonly words?: string;
  /** More than the summary says, for its own help. */
  readonly details?: string;
  readonly options?: OptionForms;
  /** Each works as it stands, once a server is named. */
  readonly examples: readonly string[];
  /** Whether Ctrl-C is how it ends, and no interruption. */
  readonly endless?: true;
  readonly run: (call: Call) => Promise<Exit>;
}
