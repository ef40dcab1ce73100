// Loaded into a cdpmux before its own program (node --import): tells over IPC what that process holds. The product knows nothing of it.
import { getHeapCodeStatistics, writeHeapSnapshot } from 'node:v8';

import { resources } from '../chaos/resources.js';
import { collectGarbage } from '../heap.js';
import type { Asked, Told } from './eye-messages.js';

const MB = 1024 * 1024;
/** What it was told to lose, so that a soak can be seen to find it. */
const lost: object[][] = [];

async function answer({ collect, loseKb = 0, snapshot }: Asked): Promise<void> {
  // 1024 objects of 16 bytes and up, with the slots that hold them
  for (let kb = 0; kb < loseKb; kb += 24) lost.push(Array.from({ length: 1024 }, (_, nth) => ({ nth })));
  if (collect) await collectGarbage();
  if (snapshot !== undefined) writeHeapSnapshot(snapshot);
  const { code_and_metadata_size: code, bytecode_and_metadata_size: bytecode } = getHeapCodeStatistics();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  const told: Told = {
    heapMb: heapUsed / MB,
    codeMb: (code + bytecode) / MB,
    externalMb: external / MB,
    arrayBuffersMb: arrayBuffers / MB,
    rssMb: rss / MB,
    resources: resources(),
  };
  process.send?.(told);
}

process.on('message', (asked: Asked) => void answer(asked));
// whoever asks has gone: nobody would end this cdpmux
process.on('disconnect', () => process.kill(process.pid, 'SIGINT'));
// that one may ask keeps no cdpmux alive
process.channel?.unref();
