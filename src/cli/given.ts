import { parseArgs } from "node:util";
import { type Duration, milliseconds, quote } from "../core/duration.ts";
import { CliError, exits } from "./cli-error.ts";
import { meant, nearest } from "./nearest.ts";

/** One option of a command. */
export interface OptionForm {
  readonly help: string;
  /** What stands for its value in the help, such as `<url>`. Without it the option is a flag. */
  readonly value?: string;
  readonly short?: string;
}

export type OptionForms = Readonly<Record<string, OptionForm>>;

interface Token {
  readonly name: string;
  readonly rawName: string;
  readonly value: string | undefined;
  readonly inlineValue: boolean | undefined;
  /** As it was typed, which is more than one option where letters follow one dash. */
  readonly typed: string;
}

/** What somebody typed: words, and options, each of which is asked for by its kind. */
export class Given {
  /** What is no option, in order. */
  readonly words: readonly string[];
  readonly #options: readonly Token[];

  private constructor(words: readonly string[], options: readonly Token[]) {
    this.words = words;
    this.#options = options;
  }

  /**
   * Reads a command line.
   *
   * @param forms the options of all commands, since the command is not known before they are read
   */
  static read(argv: readonly string[], forms: OptionForms): Given {
    const options = Object.fromEntries(
      Object.entries(forms).map(([name, { value, short }]) => [
        name,
        { type: value === undefined ? ("boolean" as const) : ("string" as const), ...(short && { short }) },
      ]),
    );
    const { positionals, tokens } = parseArgs({
      args: [...argv],
      options,
      strict: false,
      allowPositionals: true,
      tokens: true,
    });
    return new Given(
      positionals,
      tokens.flatMap((token) =>
        token.kind === "option" ? [{ ...token, typed: argv[token.index] ?? "" }] : [],
      ),
    );
  }

  /** The same without its first words, which were the command's name. */
  without(words: number): Given {
    return new Given(this.words.slice(words), this.#options);
  }

  /** @throws CliError for an option that the command does not have, or that lacks its value */
  check(command: string, forms: OptionForms): void {
    for (const { name, rawName, value, inlineValue, typed } of this.#options) {
      const form = Object.hasOwn(forms, name) ? forms[name] : undefined;
      if (form === undefined) {
        const known = Object.keys(forms).map((each) => `--${each}`);
        // Its value, which may be a secret, is not told.
        const hint =
          name === "token"
            ? "a token does not belong in a shell's history: use NINELIVES_TOKEN or --token-file"
            : `it has ${known.join(", ")}`;
        const word = typed.replace(/^--?/, "").replace(/=.*$/s, "");
        const near = nearest(word, Object.keys(forms));
        const question = meant(near && `--${near}`);
        throw new CliError(exits.usage, `${command} has no option ${rawName}${question}`, hint);
      }
      if (form.value === undefined) {
        if (value !== undefined) throw wrong(rawName, "a flag without a value", value);
        continue;
      }
      if (value === undefined) throw new CliError(exits.usage, `${rawName} needs a value: ${form.value}`);
      if (inlineValue === false && /^-./.test(value)) {
        const hint = `if ${quote(value)} is its value, write ${rawName}=${value}`;
        throw new CliError(exits.usage, `${rawName} needs a value: ${form.value}`, hint);
      }
    }
  }

  flag(name: string): boolean {
    return this.#options.some((option) => option.name === name);
  }

  /** The value that was given last. */
  text(name: string): string | undefined {
    return this.texts(name).at(-1);
  }

  texts(name: string): string[] {
    return this.#options.flatMap((option) => (option.name === name ? [option.value ?? ""] : []));
  }

  /** @throws CliError that names the option and quotes the value */
  whole(name: string, least = 0): number | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : wholeIn(text, `--${name}`, least);
  }

  /** Milliseconds. @throws CliError that names the option and quotes the value */
  span(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    try {
      const ms = milliseconds(/^\d+$/.test(text) ? Number(text) : (text as Duration), `--${name}`);
      if (ms > 0) return ms;
    } catch {
      // Said below, as for the others.
    }
    throw wrong(`--${name}`, "a duration such as 30s, 15m or 2h", text);
  }

  /** One of a few words. @throws CliError that names the option and quotes the value */
  oneOf<const T extends string>(name: string, words: readonly T[]): T | undefined {
    const text = this.text(name);
    if (text === undefined || words.includes(text as T)) return text as T | undefined;
    throw wrong(`--${name}`, `one of ${words.join(", ")}`, text);
  }
}

/** A whole number as it was typed. @throws CliError that names what it is and quotes it */
export function wholeIn(text: string, name: string, least = 0): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (Number.isSafeInteger(number) && number >= least) return number;
  throw wrong(name, `a whole number of at least ${least}`, text);
}

function wrong(name: string, wanted: string, value: string): CliError {
  return new CliError(exits.usage, `${name} must be ${wanted}, but is ${quote(value)}`);
}
