import type { Site } from '../support/site.js';
import { Attacker, type Spot } from './attacker.js';
import { House } from './house.js';
import type { Parties } from './parties.js';
import { Wire } from './wire.js';

/** The worst that can be done. */
export const LOST = 'the victim lost its browser';

/** Where attacks take place: one cdpmux with one Chrome. */
export interface Stage {
  readonly parties: Parties;
  readonly site: Site;
  /** Empty, for downloads. */
  readonly directory: string;
}

/** What an attack came to. */
export interface Result {
  readonly name: string;
  /** Commands sent, or other things done, each of which might have had an effect. */
  readonly tries: number;
  readonly leaks: readonly string[];
}

/** What an attack is given, and what it gives back. */
export interface Fight {
  readonly stage: Stage;
  readonly house: House;
  readonly attacker: Attacker;
}
/** Leaks that it found by itself; what the attacker heard and what changed at the victim is looked for anyway. */
export type Attempt = (
  fight: Fight,
) => Promise<{ readonly tries: number; readonly leaks: readonly string[] }>;

/** An attack with a name. */
export interface Attack {
  readonly name: string;
  readonly attempt: Attempt;
  /** The attacker's own pages don't work any more after it. */
  readonly isSpoiling?: boolean;
  /** It takes the processor from the whole machine where it is free, as in a Chrome of the attacker's own: that tells nothing. */
  readonly isHeavy?: boolean;
}

/** A victim at home and an attacker beside it, replaced when something broke them. */
export class Arena {
  readonly stage: Stage;
  #house: House;
  #attacker: Attacker;

  private constructor(stage: Stage, house: House, attacker: Attacker) {
    this.stage = stage;
    this.#house = house;
    this.#attacker = attacker;
  }

  static async open(stage: Stage): Promise<Arena> {
    const house = await build(stage);
    const attacker = await Attacker.open(stage.parties.attacker, stage.site, house.secrets);
    const arena = new Arena(stage, house, attacker);
    const faults = [...attacker.takeLeaks(), ...(await house.changes())];
    if (faults.length > 0) throw new Error(`before any attack: ${faults.join('; ')}`);
    return arena;
  }

  /** Makes an attempt, looks at everything, and mends what it broke. */
  async run({ name, attempt, isSpoiling = false }: Attack): Promise<Result> {
    const fight = { stage: this.stage, house: this.#house, attacker: this.#attacker };
    const leaks: string[] = [];
    let tries = 0;
    let isWhole = true;
    try {
      const outcome = await attempt(fight);
      tries = outcome.tries;
      leaks.push(...outcome.leaks);
    } catch (error) {
      leaks.push(`the victim was kept from its work: ${(error as Error).message}`);
      isWhole = false;
    }
    leaks.push(...this.#attacker.takeLeaks().map((leak) => `attacker: ${leak}`));
    const changes = isWhole && this.#house.wire.isOpen ? await this.#house.changes() : [];
    if (!this.#house.wire.isOpen) leaks.push(LOST);
    else leaks.push(...changes.map((change) => `victim: ${change}`));
    await this.#repair({ house: !isWhole, attacker: isSpoiling });
    return { name, tries, leaks: summary(leaks) };
  }

  /** Which of the attacker's sessions it is from which an attempt costs the victim its browser. */
  async pinpoint(attempt: (fight: Fight, spots: readonly Spot[]) => Promise<unknown>): Promise<string[]> {
    const found: string[] = [];
    for (const { kind } of this.#attacker.spots) {
      const spots = [this.#attacker.spot(kind)];
      await attempt({ stage: this.stage, house: this.#house, attacker: this.#attacker }, spots);
      await this.#house.changes();
      if (!this.#house.wire.isOpen) found.push(kind);
      await this.#repair();
    }
    return found;
  }

  /** Ends both; gives what the victim could not finish. */
  async close(): Promise<string[]> {
    const faults = this.#house.wire.isOpen ? await this.#house.finish() : [LOST];
    await Promise.all([this.#attacker.leave(), this.#house.wire.terminate()]);
    return faults;
  }

  async #repair(broken = { house: false, attacker: false }): Promise<void> {
    const { parties, site } = this.stage;
    if (!this.#house.wire.isOpen || broken.house) {
      await Promise.all([this.#attacker.leave(), this.#house.wire.terminate()]);
      this.#house = await build(this.stage);
    } else if (!broken.attacker && (await this.#attacker.deadSpots()).length === 0) return;
    else await this.#attacker.leave();
    this.#attacker = await Attacker.open(parties.attacker, site, this.#house.secrets);
  }
}

/** A trace tells the same thing a hundred times. */
function summary(leaks: readonly string[]): string[] {
  const most = 12;
  if (leaks.length <= most) return [...leaks];
  return [...leaks.slice(0, most), `and ${leaks.length - most} more`];
}

async function build({ parties, site, directory }: Stage): Promise<House> {
  return House.build(await Wire.connect(parties.victim.wsUrl, parties.victim.headers), site, directory);
}
