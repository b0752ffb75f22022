import { Session } from "node:inspector/promises";
import type { Contestant } from "./measure.ts";

interface ProfileNode {
  readonly id: number;
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number };
  readonly hitCount?: number;
  readonly children?: readonly number[];
}

export interface Profile {
  readonly nodes: readonly ProfileNode[];
}

/** Samples a contestant that is called for so many milliseconds, once it is warm. */
export async function profile({ call }: Contestant, ms: number): Promise<Profile> {
  const callFor = async (span: number): Promise<void> => {
    for (const end = performance.now() + span; performance.now() < end; ) {
      for (let each = 0; each < 1_000; each++) await call();
    }
  };
  await callFor(500);
  const session = new Session();
  session.connect();
  await session.post("Profiler.enable");
  await session.post("Profiler.setSamplingInterval", { interval: 100 });
  await session.post("Profiler.start");
  await callFor(ms);
  const { profile } = await session.post("Profiler.stop");
  session.disconnect();
  return profile as unknown as Profile;
}

interface Frame {
  readonly name: string;
  readonly hits: number;
  readonly children: readonly Frame[];
}

const width = 1_200;
const height = 18;
const colours = ["#e8a87c", "#e27d60", "#c38d9e", "#85cdca", "#41b3a3"];
const escaped = (text: string): string =>
  text.replace(/[<>&"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** A flame graph: callers below what they called, as wide as the time that was spent in them. */
export function flameGraph({ nodes }: Profile, title: string): string {
  const byId = new Map(nodes.map((node) => [node.id, node]));
  const grow = (id: number): Frame => {
    const node = byId.get(id) as ProfileNode;
    const children = (node.children ?? []).map(grow);
    const { functionName, url, lineNumber } = node.callFrame;
    const name = `${functionName || "(anonymous)"} ${url.split("/").at(-1)}:${lineNumber}`;
    return { name, hits: children.reduce((sum, { hits }) => sum + hits, node.hitCount ?? 0), children };
  };
  const root = grow((nodes[0] as ProfileNode).id);
  const depth = (frame: Frame): number => 1 + Math.max(0, ...frame.children.map(depth));
  const tall = depth(root) * height + 30;
  const boxes: string[] = [];
  const draw = (frame: Frame, left: number, level: number): void => {
    const wide = (frame.hits / root.hits) * width;
    if (wide < 0.5) return;
    const top = tall - (level + 1) * height;
    const text = wide > 60 ? escaped(frame.name.slice(0, Math.floor(wide / 7))) : "";
    const share = ((100 * frame.hits) / root.hits).toFixed(1);
    boxes.push(
      `<g><title>${escaped(frame.name)}, ${share} %</title>` +
        `<rect x="${left.toFixed(1)}" y="${top}" width="${wide.toFixed(1)}" height="${height - 1}" fill="${colours[level % colours.length]}"/>` +
        `<text x="${(left + 3).toFixed(1)}" y="${top + 13}">${text}</text></g>`,
    );
    let at = left;
    for (const child of frame.children) {
      draw(child, at, level + 1);
      at += (child.hits / root.hits) * width;
    }
  };
  draw(root, 0, 0);
  return (
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${tall}" font-family="monospace" font-size="11">` +
    `<text x="4" y="16" font-size="14">${escaped(title)}</text>${boxes.join("")}</svg>\n`
  );
}
