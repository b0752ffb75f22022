import { quote } from "../core/duration.ts";

export type Token =
  | { readonly kind: "name"; readonly text: string; readonly at: number }
  | { readonly kind: "number"; readonly value: number; readonly text: string; readonly at: number }
  | { readonly kind: "duration"; readonly text: string; readonly at: number }
  | { readonly kind: "string"; readonly value: string; readonly text: string; readonly at: number }
  | { readonly kind: "mark"; readonly text: string; readonly at: number }
  | { readonly kind: "end"; readonly text: ""; readonly at: number };

/** A text that is no policy. The message says where, what was found and what was expected. */
export class ExpressionError extends SyntaxError {
  override readonly name = "ExpressionError";
  /** Both count from 1. */
  readonly line: number;
  readonly column: number;

  constructor(text: string, at: number, problem: string, cause?: unknown) {
    const before = text.slice(0, at).split("\n");
    const line = before.length;
    const column = (before.at(-1) as string).length + 1;
    super(`line ${line}, column ${column}: ${problem}`, cause === undefined ? undefined : { cause });
    this.line = line;
    this.column = column;
  }
}

const space = /\s*/y;
const forms = [
  ["duration", /\d+(?:\.\d+)?(?:ms|s|m|h)(?![\w$])/y],
  ["number", /-?\d+(?:\.\d+)?(?:e[+-]?\d+)?(?![\w$.])/y],
  ["name", /[A-Za-z_$][\w$]*/y],
  ["string", /"(?:[^"\\\n]|\\.)*"/y],
  ["mark", /[-+|&(),:]/y],
] as const;

/** Cuts a text into tokens; the last one is the end. */
export function tokens(text: string): Token[] {
  const found: Token[] = [];
  let at = 0;
  for (;;) {
    space.lastIndex = at;
    space.exec(text);
    at = space.lastIndex;
    if (at === text.length) {
      found.push({ kind: "end", text: "", at });
      return found;
    }
    const token = tokenAt(text, at);
    found.push(token);
    at += token.text.length;
  }
}

function tokenAt(text: string, at: number): Token {
  for (const [kind, form] of forms) {
    form.lastIndex = at;
    const part = form.exec(text)?.[0];
    if (part === undefined) continue;
    if (kind === "number") return { kind, text: part, value: Number(part), at };
    if (kind === "string") return { kind, text: part, value: unescaped(text, part, at), at };
    return { kind, text: part, at };
  }
  const found = /^[\w.]+/.exec(text.slice(at))?.[0] ?? text.charAt(at);
  throw new ExpressionError(
    text,
    at,
    `found ${quote(found)}, but expected a name, a number, a duration, a string or one of + | & ( ) , :`,
  );
}

function unescaped(text: string, part: string, at: number): string {
  try {
    return JSON.parse(part) as string;
  } catch (cause) {
    throw new ExpressionError(text, at, `found the string ${part}, but expected JSON's escapes in it`, cause);
  }
}
