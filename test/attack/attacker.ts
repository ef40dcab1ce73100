import type { Site } from '../support/site.js';
import { enableable } from './protocol.js';
import { pageUrl, type Party } from './parties.js';
import { attachedIn, attachTo, openPage, targetOf } from './page.js';
import { Wire } from './wire.js';

/** Where an attacker can speak: a session of some kind. */
export interface Spot {
  readonly kind: string;
  readonly wire: Wire;
  readonly sessionId: string | undefined;
}

/** Switched on they stop the attacker itself; they come as attacks of their own. */
const notSwitchedOn = new Set(['Fetch', 'Tracing']);

/** Answered at once in any session of the kind that lives. */
function isAliveBy(kind: string): string {
  if (kind === 'root' || kind === 'browser') return 'Browser.getVersion';
  return kind === 'tab' ? 'Target.getTargetInfo' : 'Runtime.evaluate';
}

/** An attacker in a virtual browser of its own, with a session of every kind, every domain switched on, listening. */
export class Attacker {
  readonly spots: readonly Spot[];
  /** What it received that is the victim's. */
  readonly leaks: string[] = [];
  readonly #wires: readonly Wire[];
  readonly #secrets: RegExp;

  private constructor(spots: readonly Spot[], secrets: ReadonlySet<string>) {
    this.spots = spots;
    this.#wires = [...new Set(spots.map(({ wire }) => wire))];
    this.#secrets = new RegExp([...secrets].join('|'), 'g');
    for (const wire of this.#wires) {
      for (const event of wire.events) this.#listen(JSON.stringify(event), event, '');
      wire.events = [];
      wire.onText = (text, message, asked) => this.#listen(text, message, asked);
    }
  }

  static async open(party: Party, site: Site, secrets: ReadonlySet<string>): Promise<Attacker> {
    const wire = await Wire.connect(party.wsUrl, party.headers, party.inBatches);
    await wire.send('Target.setDiscoverTargets', { discover: true, filter: [{}] });
    const page = await openPage(wire, site.url('attacker', 'frames'));
    const iframe = await attachedIn(wire, page.sessionId, 'iframe');
    const working = await openPage(wire, site.url('attacker', 'working'));
    await wire.evaluate(working.sessionId, `globalThis.shared=new SharedWorker('worker.js');1`);
    const worker = await attachedIn(wire, working.sessionId, 'worker');
    await openPage(wire, site.url('attacker', 'serving'));
    const [shared, service, tab] = await Promise.all([
      targetOf(wire, 'shared_worker').then((id) => attachTo(wire, id)),
      targetOf(wire, 'service_worker').then((id) => attachTo(wire, id)),
      targetOf(wire, 'tab').then((id) => attachTo(wire, id)),
    ]);
    const nested = await wire.send<{ sessionId: string }>('Target.attachToBrowserTarget');
    const pageRoot = await Wire.connect(
      pageUrl(party, working.targetId).replace(/\/name\/[^/]*/, ''),
      party.headers,
      party.inBatches,
    );
    const spots: Spot[] = [
      { kind: 'root', wire, sessionId: undefined },
      { kind: 'browser', wire, sessionId: nested.sessionId },
      { kind: 'page', wire, sessionId: page.sessionId },
      { kind: 'page root', wire: pageRoot, sessionId: undefined },
      { kind: 'tab', wire, sessionId: tab.sessionId },
      { kind: 'iframe', wire, sessionId: iframe.sessionId },
      { kind: 'worker', wire, sessionId: worker.sessionId },
      { kind: 'shared worker', wire, sessionId: shared.sessionId },
      { kind: 'service worker', wire, sessionId: service.sessionId },
    ];
    const attacker = new Attacker(spots, secrets);
    await attacker.#switchAllOn();
    return attacker;
  }

  /** The kinds of session that do not answer any more, at least not within the deadline (ms): one taken for dead is only replaced. */
  async deadSpots(deadline = 250): Promise<string[]> {
    const asked = this.spots.map(async ({ kind, wire, sessionId }) => {
      const method = isAliveBy(kind);
      const params = method === 'Runtime.evaluate' ? { expression: '1' } : {};
      const reply = await wire.ask(method, params, sessionId, deadline);
      return reply?.result ? [] : [kind];
    });
    return (await Promise.all(asked)).flat();
  }

  spot(kind: string): Spot {
    return this.spots.find((spot) => spot.kind === kind)!;
  }

  async leave(): Promise<void> {
    await Promise.all(this.#wires.map((wire) => wire.terminate()));
  }

  /** Takes what was received of the victim's since the last time. */
  takeLeaks(): string[] {
    for (const wire of this.#wires) wire.events = [];
    return this.leaks.splice(0);
  }

  #listen(text: string, { method, id }: { method?: string; id?: number }, asked: string): void {
    for (const secret of new Set(text.match(this.#secrets) ?? [])) {
      if (asked.includes(secret)) continue;
      const at = text.indexOf(secret);
      const where = id === undefined ? `event ${method}` : 'reply';
      this.leaks.push(`${where} has ${secret}: …${text.slice(Math.max(0, at - 80), at + 60)}…`);
    }
  }

  async #switchAllOn(): Promise<void> {
    const asked = this.spots.flatMap(({ wire, sessionId }) =>
      enableable
        .filter((domain) => !notSwitchedOn.has(domain))
        .map((domain) => wire.ask(`${domain}.enable`, {}, sessionId, 2_000)),
    );
    await Promise.all(asked);
    for (const kind of ['page', 'iframe', 'page root']) {
      const { wire, sessionId } = this.spot(kind);
      await wire.ask('DOM.getDocument', { depth: 1 }, sessionId, 2_000);
    }
  }
}
