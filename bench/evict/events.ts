import { request, type ClientRequest } from 'node:http';

/** One line of `/api/v1/events`. */
export interface SeenEvent {
  readonly type: string;
  /** ms since 1970. */
  readonly at: number;
  readonly fields: Readonly<Record<string, string | number>>;
}

/** Listens to what a cdpmux tells, over its API. */
export class EventEar {
  readonly events: SeenEvent[] = [];
  readonly #request: ClientRequest;
  #left = '';

  private constructor(url: string) {
    this.#request = request(`${url}/api/v1/events`, (response) => {
      response.setEncoding('utf8').on('data', (text: string) => this.#onText(text));
    });
    this.#request.on('error', () => undefined).end();
  }

  static async on(url: string): Promise<EventEar> {
    const ear = new EventEar(url);
    await new Promise((resolve) => ear.#request.once('response', resolve));
    return ear;
  }

  /** How many of a type were heard. */
  count(type: string): number {
    return this.events.filter((event) => event.type === type).length;
  }

  has(type: string): boolean {
    return this.count(type) > 0;
  }

  close(): void {
    this.#request.destroy();
  }

  #onText(text: string): void {
    const lines = (this.#left + text).split('\n');
    this.#left = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('data:')) this.events.push(JSON.parse(line.slice(5)) as SeenEvent);
    }
  }
}
