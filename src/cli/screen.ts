import type { Output } from "./world.ts";

const inks = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const;

export type Ink = keyof typeof inks;

/** A text with the ink that it is shown in where there are colours. */
export interface Inked {
  readonly text: string;
  readonly ink: Ink;
}

export type Cell = string | number | null | undefined | Inked;

/** What stands where a value is unknown, which is not zero. */
export const unknown = "–";

/** How a command says things: lines and tables on a terminal or in a pipe, or JSON for programs. */
export class Screen {
  readonly json: boolean;
  readonly #out: Output;
  readonly #err: Output;
  readonly #colours: boolean;
  readonly #errColours: boolean;

  constructor(out: Output, err: Output, env: Readonly<Record<string, string | undefined>>, json: boolean) {
    this.#out = out;
    this.#err = err;
    this.json = json;
    // https://no-color.org: any value but an empty one.
    const wanted = !env.NO_COLOR && env.TERM !== "dumb";
    this.#colours = wanted && out.isTTY === true;
    this.#errColours = wanted && err.isTTY === true;
  }

  /** Whether somebody looks on, at a terminal. */
  get live(): boolean {
    return this.#out.isTTY === true;
  }

  /** Characters in a line of the terminal, which may not know its own; nothing bounds what goes elsewhere. */
  get width(): number {
    return this.live ? this.#out.columns || 80 : Infinity;
  }

  get height(): number {
    return this.#out.rows || 24;
  }

  /** Says a value to a program, in one line. */
  value(value: unknown): void {
    this.#out.write(`${JSON.stringify(value)}\n`);
  }

  line(...parts: readonly Cell[]): void {
    this.#out.write(`${parts.map((part) => this.#shown(part)).join(" ")}\n`);
  }

  /** The text of a line that ends at the terminal's edge. */
  fitted(parts: readonly Cell[]): string {
    let left = this.width;
    const shown: string[] = [];
    for (const part of parts) {
      if (left <= 0) break;
      const text = cut(plain(part), left);
      shown.push(this.#inked(text, part));
      left -= lengthOf(text) + 1;
    }
    return shown.join(" ");
  }

  /** As it is, for what has been made fit to print. */
  raw(text: string): void {
    this.#out.write(text);
  }

  /** Says something beside the result: to a person, and not to what reads the output. */
  note(text: string, ink?: Ink): void {
    const shown = printable(text, true);
    this.#err.write(`${ink === undefined || !this.#errColours ? shown : painted(shown, ink)}\n`);
  }

  table(head: readonly string[], rows: readonly (readonly Cell[])[]): void {
    for (const line of this.rows(head, rows)) this.#out.write(`${line}\n`);
  }

  /**
   * The lines of a table: columns as wide as their widest cell, numbers to the right, and at a terminal nothing past its
   * edge.
   */
  rows(head: readonly string[], rows: readonly (readonly Cell[])[]): string[] {
    const widths = head.map((title, column) =>
      Math.max(title.length, ...rows.map((row) => lengthOf(plain(row[column])))),
    );
    const rightward = head.map((_, column) => rows.length > 0 && rows.every((row) => isNumeric(row[column])));
    const lineOf = (cells: readonly Cell[]): string => {
      let left = this.width;
      const shown: string[] = [];
      for (const [column, cell] of cells.entries()) {
        if (left <= 0) break;
        const width = widths[column] ?? 0;
        const whole = plain(cell);
        const text = lengthOf(whole) > left ? `${[...whole].slice(0, left - 1).join("")}…` : whole;
        const gap = " ".repeat(Math.max(0, Math.min(width, left) - lengthOf(text)));
        const inked = this.#inked(text, cell);
        const last = column === cells.length - 1;
        shown.push(rightward[column] ? gap + inked : last ? inked : inked + gap);
        left -= width + 2;
      }
      return shown.join("  ").trimEnd();
    };
    return [lineOf(head.map((text) => ({ text, ink: "dim" as const }))), ...rows.map(lineOf)];
  }

  #shown(cell: Cell): string {
    return this.#inked(plain(cell), cell);
  }

  #inked(text: string, cell: Cell): string {
    const ink = typeof cell === "object" && cell !== null ? cell.ink : undefined;
    return ink === undefined || !this.#colours ? text : painted(text, ink);
  }
}

function painted(text: string, ink: Ink): string {
  return `\u001b[${inks[ink]}m${text}\u001b[0m`;
}

function plain(cell: Cell): string {
  if (cell === null || cell === undefined) return unknown;
  return printable(typeof cell === "object" ? cell.text : String(cell));
}

function isNumeric(cell: Cell): boolean {
  if (cell === null || cell === undefined || typeof cell === "number") return true;
  const text = typeof cell === "object" ? cell.text : cell;
  return text === unknown || /^[<>]?\d[\d.]*(?: ?(?:ms|s|%|k|M|\/s|x))?$/.test(text);
}

function cut(text: string, width: number): string {
  return lengthOf(text) > width ? `${[...text].slice(0, width - 1).join("")}…` : text;
}

function lengthOf(text: string): number {
  return [...text].length;
}

/** A text without what would steer the terminal: what strangers sent to the server is among what is shown. */
export function printable(text: string, lines = false): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are what must not reach the terminal
  const steering = /[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g;
  return text.replace(steering, (character) => (lines && character === "\n" ? "\n" : "\ufffd"));
}
