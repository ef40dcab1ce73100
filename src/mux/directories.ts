import type { Tenant } from '../virtual/tenant.js';
import { Directory } from './directory.js';

/** A directory for each tenant: an id or a name of another tenant's is as unknown as one that never existed. */
export class Directories {
  /** Added with a tenant's first request, taken off when it may not come in any more. */
  readonly #byTenant = new Map<string, Directory>();

  of({ name }: Tenant): Directory {
    let directory = this.#byTenant.get(name);
    if (!directory) this.#byTenant.set(name, (directory = new Directory()));
    return directory;
  }

  forget(name: string): void {
    this.#byTenant.delete(name);
  }
}
