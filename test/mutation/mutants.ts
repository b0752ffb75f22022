/** One change of a source file that a test should notice. */
export interface Mutant {
  /** From the root of the repository. */
  readonly file: string;
  /** Counts from 1. */
  readonly line: number;
  readonly before: string;
  readonly after: string;
}

/** What is swapped for what. */
const swaps: readonly (readonly [RegExp, string])[] = [
  [/ >= /g, " > "],
  [/ <= /g, " < "],
  [/ > /g, " >= "],
  [/ < /g, " <= "],
  [/ === /g, " !== "],
  [/ !== /g, " === "],
  [/ && /g, " || "],
  [/ \|\| /g, " && "],
  [/ \+ /g, " - "],
  [/ - /g, " + "],
  [/ \* /g, " / "],
  [/\bMath\.max\(/g, "Math.min("],
  [/\bMath\.min\(/g, "Math.max("],
  [/\+\+/g, "--"],
  [/ \+= /g, " -= "],
  [/\btrue\b/g, "false"],
  [/\bfalse\b/g, "true"],
  [/\b0\b/g, "1"],
  [/\b1\b/g, "2"],
];

/** What is no code, or only tells the compiler something. */
const skipped =
  /^\s*(?:\*|\/[/*]|import\b|export (?:type|interface)\b|(?:type|interface)\b|readonly\b|#?\w+\??: [\w| ]+;$)|\bthrow new\b|`/;

/** A statement that may be left out. */
const statement = /^\s+(?:[\w#.?]+\(.*\)|(?:this\.)?#?[\w.#]+ [-+]?= .+|return .+);$/;

/** All mutants of a file. */
export function mutantsOf(file: string, source: string): Mutant[] {
  return source.split("\n").flatMap((before, index) => {
    if (skipped.test(before)) return [];
    const changed = swaps.flatMap(([from, to]) =>
      [...before.matchAll(from)].map(
        (match) => before.slice(0, match.index) + to + before.slice(match.index + match[0].length),
      ),
    );
    if (statement.test(before)) changed.push("");
    return changed.map((after) => ({ file, line: index + 1, before, after }));
  });
}

/** The source with one mutant in it. */
export function mutated(source: string, { line, after }: Mutant): string {
  return source
    .split("\n")
    .with(line - 1, after)
    .join("\n");
}
