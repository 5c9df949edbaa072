/** Something is wrong with a command: its message is for people. */
export class CommandError extends Error {
  override readonly name = 'CommandError';
}
