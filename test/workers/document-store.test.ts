import { planeOf } from "../../workers/document-plane.ts";
import { documentStoreContract } from "../contracts/document-store.ts";
import { testWorker } from "./test-worker.ts";

documentStoreContract("a Durable Object", async () => planeOf((await testWorker()).env).store);
