import { insideWebWorker, insideWorkerThread } from "./inside.ts";

/** A worker of whatever kind the platform has. */
export interface Thread {
  /** @throws DataCloneError for what cannot be cloned */
  post(message: unknown): void;
  /** Whether the process must stay alive for it. */
  keepAlive(wanted: boolean): void;
  terminate(): void;
}

/** Hears of a thread. */
export interface ThreadListener {
  onMessage(message: unknown): void;
  /** It is of no more use: it threw outside any call, sent what cannot be read, or ended by itself. */
  onFailure(error: unknown): void;
}

/** Makes threads. */
export interface Threads {
  start(listener: ThreadListener): Thread;
  /** Frees what it keeps for further threads. */
  close(): void;
}

interface WebWorker {
  addEventListener(
    type: string,
    listener: (event: { data?: unknown; error?: unknown; message?: string }) => void,
  ): void;
  postMessage(message: unknown): void;
  terminate(): void;
  /** In Bun. */
  ref?(): void;
  unref?(): void;
}

interface WorkerThread {
  on(event: string, listener: (value: unknown) => void): void;
  postMessage(message: unknown): void;
  terminate(): Promise<number>;
  ref(): void;
  unref(): void;
}

/** Structural, so that it compiles in every world. */
interface Runtime {
  readonly Worker?: new (url: string, options: { type: "module" }) => WebWorker;
  readonly navigator?: { readonly userAgent?: string };
  readonly process?: {
    getBuiltinModule?(
      id: string,
    ): { readonly Worker: new (source: string, options: { eval: true }) => WorkerThread } | undefined;
  };
  readonly Blob: new (parts: string[], options: { type: string }) => object;
  readonly URL: { createObjectURL(blob: object): string; revokeObjectURL(url: string): void };
}

/**
 * The platform's threads: Web Workers, or `worker_threads` in Node.
 *
 * @throws Error where there are none
 */
export function platformThreads(): Threads {
  const runtime = globalThis as unknown as Runtime;
  // With `nodejs_compat` workerd has a `worker_threads` whose workers do not start.
  if (runtime.navigator?.userAgent !== "Cloudflare-Workers") {
    if (runtime.Worker !== undefined) return webWorkers(runtime, runtime.Worker);
    // Not an import: a bundler for browsers would look for it. Node has this from 20.16 and 22.3 on.
    const threads = runtime.process?.getBuiltinModule?.("node:worker_threads");
    if (threads !== undefined) return workerThreads(threads.Worker);
  }
  throw new Error(
    "workerPool needs Web Workers or Node's worker_threads, and this runtime has neither (Cloudflare Workers have none)",
  );
}

function webWorkers({ Blob, URL }: Runtime, Worker: NonNullable<Runtime["Worker"]>): Threads {
  let url: string | undefined;
  return {
    start(listener) {
      url ??= URL.createObjectURL(new Blob([insideWebWorker], { type: "text/javascript" }));
      const worker = new Worker(url, { type: "module" });
      worker.addEventListener("message", ({ data }) => listener.onMessage(data));
      worker.addEventListener("messageerror", () =>
        listener.onFailure(new Error("a worker sent what cannot be read")),
      );
      worker.addEventListener("error", ({ error, message }) =>
        listener.onFailure(error ?? new Error(message ?? "a worker failed to start")),
      );
      return {
        post: (message) => worker.postMessage(message),
        keepAlive: (wanted) => (wanted ? worker.ref?.() : worker.unref?.()),
        terminate: () => worker.terminate(),
      };
    },
    close() {
      if (url !== undefined) URL.revokeObjectURL(url);
      url = undefined;
    },
  };
}

function workerThreads(Worker: new (source: string, options: { eval: true }) => WorkerThread): Threads {
  return {
    start(listener) {
      const worker = new Worker(insideWorkerThread, { eval: true });
      worker.on("message", (message) => listener.onMessage(message));
      worker.on("messageerror", (error) => listener.onFailure(error));
      worker.on("error", (error) => listener.onFailure(error));
      worker.on("exit", (code) =>
        listener.onFailure(new Error(`a worker ended by itself, with code ${code}`)),
      );
      return {
        post: (message) => worker.postMessage(message),
        keepAlive: (wanted) => (wanted ? worker.ref() : worker.unref()),
        terminate: () => void worker.terminate(),
      };
    },
    close() {},
  };
}
