import { once } from "node:events";

/** What `Runtime.getHeapUsage` tells: what is in the heap, beside it for the platform, and in array buffers. */
export interface HeapUsage {
  readonly usedSize: number;
  readonly embedderHeapUsedSize?: number;
  readonly backingStorageSize?: number;
}

interface Reply {
  readonly id?: number;
  readonly method?: string;
  readonly params?: { readonly context?: { readonly id: number } };
  readonly result?: HeapUsage;
  readonly error?: { readonly message: string };
}

/**
 * Bytes of an isolate's heap when all that nobody holds is gone.
 *
 * @param inspector the port of workerd's inspector; workerd must have been started with V8's `--expose-gc`, for its own
 *   command for a collection is never answered while no request runs
 */
export async function isolateHeap(inspector: number, isolate: string): Promise<number> {
  const socket = new WebSocket(`ws://127.0.0.1:${inspector}/${isolate}`);
  await once(socket, "open");
  const replies = (wanted: (reply: Reply) => boolean): Promise<Reply> =>
    new Promise((resolve) => {
      const hear = ({ data }: MessageEvent): void => {
        const reply = JSON.parse(String(data)) as Reply;
        if (!wanted(reply)) return;
        socket.removeEventListener("message", hear);
        resolve(reply);
      };
      socket.addEventListener("message", hear);
    });
  let last = 0;
  const ask = (method: string, params?: object): Promise<Reply> => {
    const id = ++last;
    const reply = replies((each) => each.id === id);
    socket.send(JSON.stringify({ id, method, params }));
    return reply;
  };
  try {
    const context = replies(({ method }) => method === "Runtime.executionContextCreated");
    await ask("Runtime.enable");
    const contextId = (await context).params?.context?.id;
    const { error } = await ask("Runtime.evaluate", { expression: "gc(), gc()", contextId });
    if (error !== undefined) throw new Error(`${isolate} does not collect: ${error.message}`);
    return allOf((await ask("Runtime.getHeapUsage")).result as HeapUsage);
  } finally {
    socket.close();
  }
}

/** All bytes of a heap. */
export function allOf({ usedSize, embedderHeapUsedSize = 0, backingStorageSize = 0 }: HeapUsage): number {
  return usedSize + embedderHeapUsedSize + backingStorageSize;
}
