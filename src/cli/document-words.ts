import type { DocumentReport } from "../observer/system-state.ts";

/** Refusals that a report holds: there may be more of them. */
const mostTold = 5;

/**
 * How many refuse a version of a document, which and why, in words; nothing where nobody does.
 *
 * Who refused an older one than others have in force may be gone since, and does not count.
 */
export function refusalWords({ version: newest, refused: all }: DocumentReport): string | undefined {
  const refused = all.filter(({ version }) => version >= (newest ?? 0));
  const [last] = refused;
  if (last === undefined) return undefined;
  const count = `${refused.length}${refused.length < mostTold ? "" : " or more"}`;
  const refuse = refused.length === 1 ? "refuses" : "refuse";
  const same = refused.every(({ version, reason }) => version === last.version && reason === last.reason);
  const which = same ? `version ${last.version}` : `a version, the last of them ${last.version}`;
  return `${count} ${refuse} ${which}: ${last.reason}`;
}

/** The newest version of a document that is in force, and with how many of those who told, in words. */
export function versionWords({ version, current, followers }: DocumentReport): string {
  if (version === null) return "no version is known to be in force";
  const many = current === undefined ? "" : ` with ${current} of ${followers}`;
  return `version ${version} is in force${many}`;
}
