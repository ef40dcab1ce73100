type Step = () => unknown;

/** How long the steps may take after a signal, ms: who presses Ctrl-C does not want to wait for what hangs. */
const SIGNAL_DEADLINE = 8_000;

/** What has to be undone at the end, however the end comes; run in reverse order, once. */
export class Closers {
  readonly #steps: Step[] = [];
  #running: Promise<void> | undefined;

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

  /** Takes all steps that are left, each though another failed; who asks while they are taken waits for the same. */
  run(): Promise<void> {
    this.#running ??= this.#runAll().finally(() => (this.#running = undefined));
    return this.#running;
  }

  async #runAll(): Promise<void> {
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
    let ending: Promise<never> | undefined;
    // stays until the end: npm hands on a signal that this process has had already, and the second one must not end it at once
    const onSignal = (signal: NodeJS.Signals): void => {
      ending ??= closeAndExit(closers, signal);
    };
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal);
    try {
      return await work(closers);
    } finally {
      // what fails now fails because it is being closed
      await ending;
      await closers.run();
      process.off('SIGINT', onSignal).off('SIGTERM', onSignal);
    }
  }
}

async function closeAndExit(closers: Closers, signal: NodeJS.Signals): Promise<never> {
  console.error(`${signal}: what was started is closed`);
  const exit = (): never => process.exit(signal === 'SIGINT' ? 130 : 143);
  setTimeout(exit, SIGNAL_DEADLINE);
  await closers.run();
  return exit();
}
