import { type Context, compose, environment, retry, timeout } from "ninelives";
import type {
  AuditEntry,
  CommandEnvelope,
  CommandResult,
  ParameterState,
  PolicyDocument,
  Problem,
} from "ninelives/control";
import { classifyHttp } from "ninelives/fetch";
import type { SystemState } from "ninelives/observer";
import { token } from "./token.ts";

/** The server did not do what was asked, and says why. */
export class ProblemError extends Error {
  override readonly name = "ProblemError";
  readonly status: number;

  constructor(status: number, message: string) {
    super(message);
    this.status = status;
  }

  /** Whether a token, or another one, would help. */
  get wantsToken(): boolean {
    return this.status === 401 || this.status === 403;
  }
}

/** The server's API, with our own policies around each call. */
export interface Api {
  /** Asked by a caller that tries again by itself, hence but once. */
  state(): Promise<SystemState>;
  policies(): Promise<readonly PolicyDocument[]>;
  /** The values that the policies in force were given. */
  parameters(): Promise<readonly ParameterState[]>;
  audit(): Promise<{ readonly entries: readonly AuditEntry[]; readonly intact: boolean }>;
  /** The same envelope may be sent again: what has its id is done once. */
  command(envelope: CommandEnvelope): Promise<CommandResult>;
}

export function connectApi(): Api {
  // All that is asked here may be asked twice, so that what `resilientFetch` knows of methods is not needed.
  const send = (request: Request, { signal }: Context): Promise<Response> =>
    fetch(request.clone(), { signal });
  const http = environment({
    classify: classifyHttp,
    discard: (response) => (response as Response).body?.cancel(),
  });
  const patient = compose(http, timeout("12s"), retry(3), timeout("5s")).wrap(send);
  const once = compose(http, timeout("5s")).wrap(send);

  async function call<T>(path: string, init: RequestInit = {}, service = patient): Promise<T> {
    const headers = new Headers(init.headers);
    const shown = token.read();
    if (shown !== null) headers.set("authorization", `Bearer ${shown}`);
    const response = await service(new Request(path, { ...init, headers }));
    if (!response.ok) throw await problemOf(response);
    return response.json();
  }

  return {
    state: () => call("v1/state", {}, once),
    policies: async () => (await call<{ policies: PolicyDocument[] }>("v1/policies")).policies,
    parameters: async () => (await call<{ parameters: ParameterState[] }>("v1/parameters")).parameters,
    audit: () => call("v1/audit"),
    command: (envelope) =>
      call("v1/commands", {
        method: "POST",
        headers: { "content-type": "application/json", "idempotency-key": envelope.id },
        body: JSON.stringify(envelope),
      }),
  };
}

async function problemOf(response: Response): Promise<ProblemError> {
  const problem: Partial<Problem> = await response.json().catch(() => ({}));
  const said = problem.detail ?? problem.title ?? `the server answered ${response.status}`;
  return new ProblemError(response.status, said);
}

/** What to say of an error to somebody who can do something about it. */
export function explained(error: unknown): string {
  if (error instanceof ProblemError) return error.message;
  // Browsers say no more of a network that fails.
  if (error instanceof TypeError) return "the server could not be reached";
  return error instanceof Error ? error.message : String(error);
}
