/** Where in a text a message points that says "line 2, column 7": the index of that character, if it says so. */
export function placeIn(text: string, message: string): number | undefined {
  const match = /line (\d+),? column (\d+)/i.exec(message);
  if (match === null) return undefined;
  const [line, column] = [Number(match[1]), Number(match[2])];
  const before = text.split("\n").slice(0, line - 1);
  return Math.min(text.length, before.reduce((sum, each) => sum + each.length + 1, 0) + column - 1);
}

/** Characters on either side of the place that are shown. */
const around = 28;

/** The line around a place, with a mark under it. */
export function excerpt(text: string, place: number): string {
  const begin = text.lastIndexOf("\n", place - 1) + 1;
  const end = text.indexOf("\n", place);
  const from = Math.max(begin, place - around);
  const to = Math.min(end === -1 ? text.length : end, place + around);
  const lead = from > begin ? "…" : "";
  return `${lead}${text.slice(from, to)}\n${" ".repeat(lead.length + place - from)}^`;
}
