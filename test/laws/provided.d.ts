import "vitest";

declare module "vitest" {
  interface ProvidedContext {
    /** Cases of each property of the laws. */
    cases: number;
  }
}
