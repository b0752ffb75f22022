import { readdirSync, rmdirSync, rmSync } from "node:fs";
import { join, resolve } from "node:path";

/**
 * Removes what a directory has that nobody wrote: a file that was renamed would live on.
 *
 * The directory stays, and so does each within it that has something, since whoever watches one loses it with its removal.
 */
export function removeLeftovers(directory: string, written: Iterable<string>): void {
  const kept = new Set([...written].map((file) => resolve(file)));
  const within = readdirSync(directory, { recursive: true, withFileTypes: true });
  for (const each of within) {
    const path = join(each.parentPath, each.name);
    if (!each.isDirectory() && !kept.has(resolve(path))) rmSync(path);
  }
  // The deepest first, so that who becomes empty by it is removed, too.
  const directories = within
    .filter((each) => each.isDirectory())
    .map((each) => join(each.parentPath, each.name));
  for (const path of directories.sort((a, b) => b.length - a.length)) {
    if (readdirSync(path).length === 0) rmdirSync(path);
  }
}
