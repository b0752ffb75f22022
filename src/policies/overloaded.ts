/** Whether a home says that it has too much to do, as Durable Objects do: then it is asked much later. */
export function isOverloaded(error: unknown): boolean {
  return (error as { readonly overloaded?: unknown } | null | undefined)?.overloaded === true;
}
