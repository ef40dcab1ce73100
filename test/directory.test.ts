import { expect, it } from '@jest/globals';
import { Directory } from '../src/mux/directory.js';

it('gives out one id for a name that nobody has come with, and opens the name under it', () => {
  const directory = new Directory();
  const id = directory.mint('a');
  expect(directory.mint('a')).toBe(id);
  expect(directory.mint('b')).not.toBe(id);
  expect(directory.named('a')).toEqual({ unopened: id, name: 'a' });
  expect(directory.resolve(id)).toEqual({ unopened: id, name: 'a' });
});

it('gives out the same one while it is opened and when that failed, and another one each time without a name', async () => {
  const directory = new Directory();
  expect(directory.mint()).not.toBe(directory.mint());
  const id = directory.mint('a');
  const failing = directory.open(id, 'a', () => Promise.reject(new Error('no Chrome')));
  expect(directory.mint('a')).toBe(id);
  await expect(failing).rejects.toThrow('no Chrome');
  expect(directory.named('a')).toEqual({ unopened: id, name: 'a' });
});
