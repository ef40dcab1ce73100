import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { readSmall } from './resident.js';

/** What all processes of a container together may use of memory, and use, bytes. */
export interface ContainerUse {
  readonly limit: number;
  /** Without files that the kernel can let go of at once. */
  readonly used: number;
}

/** How one version of the kernel's control groups tells of memory. */
interface Version {
  /** Finds the own group in `/proc/self/cgroup`. */
  readonly own: RegExp;
  readonly mount: string;
  readonly limit: string;
  readonly used: string;
  /** Finds in `memory.stat` what the kernel can let go of at once, bytes. */
  readonly files: RegExp;
}

const VERSIONS: readonly Version[] = [
  {
    own: /^0::(.*)$/m,
    mount: '/sys/fs/cgroup',
    limit: 'memory.max',
    used: 'memory.current',
    files: /^inactive_file (\d+)$/m,
  },
  {
    own: /^\d+:(?:[^:\n]*,)?memory(?:,[^:\n]*)?:(.*)$/m,
    mount: '/sys/fs/cgroup/memory',
    limit: 'memory.limit_in_bytes',
    used: 'memory.usage_in_bytes',
    files: /^total_inactive_file (\d+)$/m,
  },
];

/** A group with a limit that counts for this process, too. */
interface Group {
  readonly path: string;
  readonly version: Version;
}

/** The memory limit of the container, or of the service of the system's, that this process is in: of its control groups, versions 2 and 1. */
export class ContainerMemory {
  readonly #groups: readonly Group[];

  /** The directory in which `/proc` and `/sys` are. */
  constructor(root = '/') {
    this.#groups = VERSIONS.flatMap((version) => groupsOf(root, version)).filter((group) => read(group));
  }

  /** What is nearest to its limit; undefined where there is none, and for a limit that is more than the machine has. Costs some 20 µs. */
  read(): ContainerUse | undefined {
    let nearest: ContainerUse | undefined;
    for (const group of this.#groups) {
      const use = read(group);
      if (use && (!nearest || use.limit - use.used < nearest.limit - nearest.used)) nearest = use;
    }
    return nearest;
  }
}

/** The own group and all above it. Inside a container the own one is often the root of what is seen, whatever it is called. */
function groupsOf(root: string, version: Version): Group[] {
  const own = version.own.exec(readSmall(join(root, 'proc/self/cgroup')) ?? '')?.[1];
  if (own === undefined) return [];
  const names = [own];
  for (let name = own; name !== '/' && name.startsWith('/');) names.push((name = dirname(name)));
  return names.map((name) => ({ path: join(root, version.mount, name), version }));
}

function read({ path, version }: Group): ContainerUse | undefined {
  // `max` is no number; version 1 has one that is past all memory
  const limit = Number(readSmall(join(path, version.limit)));
  const used = Number(readSmall(join(path, version.used)));
  if (!(limit > 0 && used > 0) || limit >= totalmem()) return undefined;
  const files = Number(version.files.exec(readSmall(join(path, 'memory.stat')) ?? '')?.[1] ?? 0);
  return { limit, used: Math.max(0, used - files) };
}
