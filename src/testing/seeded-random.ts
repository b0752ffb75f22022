export { seededRandom } from "../core/random.ts";
