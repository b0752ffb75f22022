type Child = Node | string;

/** Makes an element; attributes are set as they are written in HTML, `true` as an empty one, `false` not at all. */
export function element<T extends keyof HTMLElementTagNameMap>(
  tag: T,
  attributes: Readonly<Record<string, string | boolean>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[T] {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** A drawing of `gear.svg`, which says nothing to those who cannot see it. */
export function picture(symbol: string): SVGSVGElement {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("aria-hidden", "true");
  svg.setAttribute("viewBox", "0 0 96 96");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `gear.svg#${symbol}`);
  svg.append(use);
  return svg;
}

/** Changes a text only if it is another one, so that nothing is painted or read aloud again for nothing. */
export function say(node: Element, text: string): void {
  if (node.textContent !== text) node.textContent = text;
}

/** The element of the page's HTML with that id. */
export function byId(id: string): HTMLElement {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`the page has no element ${id}`);
  return found;
}
