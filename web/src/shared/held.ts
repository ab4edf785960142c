/** What Read holds, while it rests and has read something. */
export interface Held {
  readonly tokens: number;
  /** The bytes of a saved session. */
  save(): Promise<Uint8Array>;
}
