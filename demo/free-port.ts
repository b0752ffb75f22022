import { createServer } from "node:net";
import { Complaint } from "./complaint.ts";

/** @throws Complaint when somebody listens on the port already */
export async function ensureFree(port: number): Promise<void> {
  for (const host of ["127.0.0.1", "::1"]) {
    if (await isTaken(port, host)) {
      throw new Complaint(
        `Port ${port} is taken: end what listens there, or choose another one with \`PORT=${port + 1} npm run demo\`.`,
      );
    }
  }
}

function isTaken(port: number, host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    // A host without IPv6 has nobody listening there.
    server.once("error", ({ code }: NodeJS.ErrnoException) =>
      resolve(code === "EADDRINUSE" || code === "EACCES"),
    );
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(false)));
  });
}
