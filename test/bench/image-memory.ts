/** Boots the image in the folder given and prints peak resident memory in MB and seconds. */
import { Host } from '../../sim/host.ts';
import { loadImage } from '../../sim/node/index.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';

const path = process.argv[2] ?? '';
const spec = resolveSpec({}, { image: { paths: [path] } });
const before = process.hrtime.bigint();
const { state, halted } = await new Host(spec, loadImage(spec)).powerOn();
const seconds = Number(process.hrtime.bigint() - before) / 1e9;
if (state !== 'running') throw new Error(halted?.message);
console.log(`${(process.resourceUsage().maxRSS / 1024).toFixed(0)} ${seconds.toFixed(2)}`);
