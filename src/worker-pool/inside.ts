/** What a pool sends to a worker: the next input, and whose it is. */
export interface Order {
  readonly module: string;
  readonly name: string;
  readonly input: unknown;
}

/** What comes back. */
export type Answer =
  | { readonly value: unknown }
  | {
      readonly error: unknown;
      /** What a structured clone drops of an error: its name and what its class added. */
      readonly details: Readonly<Record<string, unknown>>;
      /** Whether the module itself could not be loaded: a failed import stays failed in this worker. */
      readonly broken: boolean;
    };

/**
 * What runs inside a worker. As text, so that no bundler has to find a file: it imports the user's module by its URL.
 */
const serve = `
const copy = (error) => {
  const details = {};
  if (error instanceof Error) {
    for (const key of ["name", ...Object.keys(error)]) {
      try { details[key] = structuredClone(error[key]); } catch {}
    }
  }
  return details;
};
const serve = (post) => async ({ module, name, input }) => {
  let broken = true;
  try {
    const task = (await import(module))[name];
    if (typeof task !== "function") throw new TypeError(module + " exports no function " + name);
    broken = false;
    post({ value: await task(input) });
  } catch (error) {
    const details = copy(error);
    try {
      post({ error, details, broken });
    } catch {
      post({ error: new Error(error instanceof Error ? error.message : String(error)), details, broken });
    }
  }
};
`;

export const insideWebWorker: string = `${serve}
const answer = serve((message) => postMessage(message));
addEventListener("message", ({ data }) => answer(data));
`;

export const insideWorkerThread: string = `${serve}
const { parentPort } = process.getBuiltinModule("node:worker_threads");
parentPort.on("message", serve((message) => parentPort.postMessage(message)));
`;
