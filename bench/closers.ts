type Step = () => unknown;

/** How long the steps may take after a signal, ms: who presses Ctrl-C does not want to wait for what hangs. */
const SIGNAL_DEADLINE = 15_000;

/** What has to be undone at the end, however the end comes; run in reverse order, once. */
export class Closers {
  readonly #steps: Step[] = [];

  /** Keeps a step for the end, and gives a function that takes it earlier. */
  add(step: Step): () => Promise<void> {
    this.#steps.push(step);
    return async () => {
      const at = this.#steps.indexOf(step);
      if (at === -1) return;
      this.#steps.splice(at, 1);
      await step();
    };
  }

  /** Takes all steps that are left, each though another failed. */
  async run(): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        console.error(error);
      }
    }
  }

  /** Runs `work`, and afterwards, or on Ctrl-C or SIGTERM, the steps. */
  static async with<T>(work: (closers: Closers) => Promise<T>): Promise<T> {
    const closers = new Closers();
    let isEnding = false;
    const onSignal = (signal: NodeJS.Signals): void => {
      isEnding = true;
      console.error(`${signal}: what was started is closed`);
      const exit = (): never => process.exit(signal === 'SIGINT' ? 130 : 143);
      setTimeout(exit, SIGNAL_DEADLINE);
      void closers.run().then(exit);
    };
    process.once('SIGINT', onSignal).once('SIGTERM', onSignal);
    try {
      return await work(closers);
    } catch (error) {
      // What fails now fails because it is being closed, and looks like a fault of what is measured: the exit is on its way.
      if (isEnding) await new Promise(() => undefined);
      throw error;
    } finally {
      await closers.run();
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
  }
}
