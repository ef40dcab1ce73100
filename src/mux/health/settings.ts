/** How browsers are watched; times in ms. */
export interface HealthSettings {
  readonly enabled: boolean;
  /** Between two checks of a browser. */
  readonly interval: number;
  /** Without a sign of life for so long a browser is given up. */
  readonly timeout: number;
  /** Between two times that a blank page is made and disposed of; 0 for never. */
  readonly pageInterval: number;
  /** A remote browser whose round trip takes so many times that of the others is ejected. */
  readonly outlierFactor: number;
  /** Share of the remote browsers that may be ejected at once, 0 to 1; one always may. */
  readonly maxEjected: number;
  /** When a larger share of three browsers or more looks ill, the check is doubted. */
  readonly panicShare: number;
  /** For so long a browser that came back is given fewer clients than the others. */
  readonly slowStart: number;
  /** Renderers that take all the processor they can get have the last priority while others wait. */
  readonly slowHogs: boolean;
}
