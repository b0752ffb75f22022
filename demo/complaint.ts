/** Something that keeps the demo from running, said in one line that tells what to do. */
export class Complaint extends Error {
  override readonly name = "Complaint";
}
