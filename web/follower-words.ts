import type { DocumentReport } from "ninelives/observer";
import { plural } from "./format.ts";

/** Refusals that the observer tells of: there may be more. */
const mostTold = 5;

/**
 * Which version of a document is in force with those who follow it, as they told last; empty where it was never changed and
 * nobody told.
 *
 * @param wanted the version that the control plane has, where the page knows it
 */
export function followerWords(report: DocumentReport | undefined, wanted = 0): string {
  if (report === undefined) return wanted === 0 ? "" : "Nobody has told which version is in force.";
  const { version, current, followers } = report;
  if (version === null) return "Nobody has told of a version that is in force.";
  const late = wanted > version ? `Nobody has told that version ${wanted} is in force. ` : "";
  const many = current === undefined ? "" : ` with ${current} of ${plural(followers, "follower")}`;
  return `${late}Version ${version} is in force${many}, as they told last.`;
}

/** Those who refuse a version of a document for one reason. */
export interface Refusal {
  readonly words: string;
  readonly reason: string;
  /** Who of them told last, and when by the observer's clock. */
  readonly source: string;
  readonly at: number;
  readonly others: number;
}

/** Who refuses which version of a document and why, what was told last first; and whether there may be more of them. */
export function refusalsOf({ refused }: DocumentReport): { readonly all: Refusal[]; readonly more: boolean } {
  const alike = new Map<string, typeof refused>();
  for (const each of refused) {
    const key = `${each.version} ${each.reason}`;
    alike.set(key, [...(alike.get(key) ?? []), each]);
  }
  const all = [...alike.values()].flatMap(([first, ...rest]) => {
    if (first === undefined) return [];
    const { version, reason, source, at } = first;
    const many = rest.length === 0 ? "1 follower refuses" : `${rest.length + 1} followers refuse`;
    return [{ words: `${many} version ${version}:`, reason, source, at, others: rest.length }];
  });
  return { all, more: refused.length >= mostTold };
}

/** Whether somebody refuses a version that is not older than what others have: who refused such a one may be gone since. */
export function isRefused(report: DocumentReport | undefined): boolean {
  return report?.refused.some(({ version }) => version >= (report.version ?? 0)) === true;
}
