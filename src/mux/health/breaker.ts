import {
  circuitBreaker,
  CircuitState,
  ConsecutiveBreaker,
  DelegateBackoff,
  handleAll,
  type CircuitBreakerPolicy,
  type IHalfOpenAfterBackoffContext,
} from 'cockatiel';

/** `open`: given nobody; `half-open`: one check decides which it becomes. */
export type Circuit = 'closed' | 'open' | 'half-open';

/** Why a check failed, and for how long no further one is made, ms. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly openFor: number;

  constructor(reason: string, openFor = 0) {
    super(reason);
    this.openFor = openFor;
  }
}

const names: Record<CircuitState, Circuit> = {
  [CircuitState.Closed]: 'closed',
  [CircuitState.Open]: 'open',
  [CircuitState.HalfOpen]: 'half-open',
  [CircuitState.Isolated]: 'open',
};

/** A circuit breaker that its first failure opens; how long for, each `Failure` says. */
export class Breaker {
  readonly #policy: CircuitBreakerPolicy;
  #reason: string | undefined;

  /** `onChange` is told of each change; the reason is the last failure's. */
  constructor(onChange: (to: Circuit, reason: string) => void) {
    const openFor = ({ result }: IHalfOpenAfterBackoffContext): number =>
      'error' in result && result.error instanceof Failure ? result.error.openFor : 0;
    this.#policy = circuitBreaker(handleAll, {
      breaker: new ConsecutiveBreaker(1),
      halfOpenAfter: new DelegateBackoff(openFor),
    });
    this.#policy.onStateChange((state) => onChange(names[state], this.#reason ?? ''));
  }

  get state(): Circuit {
    return names[this.#policy.state];
  }

  /** What the last check failed of; undefined while it is closed. */
  get reason(): string | undefined {
    return this.state === 'closed' ? undefined : this.#reason;
  }

  /** Makes a check, unless it is too early for one; whether it was made and passed. */
  async passes(check: () => Promise<void>): Promise<boolean> {
    try {
      await this.#policy.execute(async () => {
        try {
          await check();
        } catch (error) {
          this.#reason = (error as Error).message;
          throw error;
        }
      });
      return true;
    } catch {
      return false;
    }
  }
}
