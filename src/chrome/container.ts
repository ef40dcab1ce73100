import { access, readFile, statfs } from 'node:fs/promises';

const SHM_WANTED = 512 * 1024 * 1024;

/** Whether this process runs in a container, where Chrome's own sandbox seldom can be set up. */
export async function inContainer(): Promise<boolean> {
  for (const mark of ['/.dockerenv', '/run/.containerenv', '/var/run/secrets/kubernetes.io']) {
    try {
      await access(mark);
      return true;
    } catch {
      // not this one
    }
  }
  try {
    return /docker|kubepods|containerd|libpod|lxc/.test(await readFile('/proc/1/cgroup', 'utf8'));
  } catch {
    return false;
  }
}

/** Whether Chrome has to do without its sandbox: as root it refuses to start with it. */
export async function needsNoSandbox(): Promise<boolean> {
  return process.getuid?.() === 0 || (await inContainer());
}

/** Whether /dev/shm has less room than pages want; a page that runs out of it crashes. */
export async function hasSmallShm(): Promise<boolean> {
  try {
    const { bavail, bsize } = await statfs('/dev/shm');
    return bavail * bsize < SHM_WANTED;
  } catch {
    // a system without it (macOS) has other means; one that hides it is as good as one that has none
    return process.platform === 'linux';
  }
}
