/** What somebody set, and where. */
export interface Given {
  readonly value: unknown;
  /** As the user wrote it: `--port`, `CDPMUX_LISTEN_PORT`, `cdpmux.json`. */
  readonly source: string;
}
