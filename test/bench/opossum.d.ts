/** The part of opossum that is measured; it brings no types. */
declare module "opossum" {
  class CircuitBreaker<T> {
    constructor(
      action: () => Promise<T>,
      options: { readonly timeout: number | false; readonly capacity?: number },
    );
    fire(): Promise<T>;
    open(): void;
    shutdown(): void;
  }
  export = CircuitBreaker;
}
