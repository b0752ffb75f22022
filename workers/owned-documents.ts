/** What of an upstream is changed by a document of its own, beside its policies. */
export type OwnedDocument = "weights" | "settings";

const kinds: readonly OwnedDocument[] = ["weights", "settings"];

/** What the document is called that changes it for an upstream: `prices/weights`. */
export function ownedDocument(upstream: string, kind: OwnedDocument): string {
  return `${upstream}/${kind}`;
}

/** Which document of which upstream a name is; nothing for that of a policy. */
export function ownerOf(
  document: string,
): { readonly upstream: string; readonly kind: OwnedDocument } | undefined {
  const [upstream = "", is, ...more] = document.split("/");
  const kind = kinds.find((each) => each === is);
  return kind === undefined || more.length > 0 ? undefined : { upstream, kind };
}
