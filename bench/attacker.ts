// One attacker of `npm run attack` in a process of its own: node attacker.js <name> <party as JSON> <origin>
import { pressures } from '../test/attack/pressure.js';
import type { Party } from '../test/attack/parties.js';

const [name, party = '{}', origin = ''] = process.argv.slice(2);
const pressure = pressures.find((one) => one.name === name);
if (!pressure) throw new Error(`no attacker that ${name}`);
// the parent may end without a word
process.on('disconnect', () => process.exit(0));
await pressure.press(JSON.parse(party) as Party, { url: (tag, page) => `${origin}/${tag}/${page}` });
process.send?.('pressing');
