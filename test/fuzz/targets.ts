/** Every parser of untrusted bytes, with good inputs to start from. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evidenceFiles } from '../../sim/evidence.ts';
import { Host } from '../../sim/host.ts';
import { loadImage } from '../../sim/node/image-files.ts';
import { predictReference } from '../../sim/predict.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { bytesSource, openZip, writeZip } from '../../src/archive/index.ts';
import { equalBytes, fromUtf8, utf8 } from '../../src/bytes/bytes.ts';
import { InputError } from '../../src/bytes/errors.ts';
import { unxz } from '../../src/compress/xz.ts';
import { unzstd } from '../../src/compress/zstd.ts';
import { verifySignedData } from '../../src/crypto/cms.ts';
import { hash } from '../../src/crypto/hash.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import { parseCertificate } from '../../src/crypto/x509.ts';
import { openBundle, writeBundle } from '../../src/depot/index.ts';
import {
  appendModulePath,
  checkBootModules,
  extractMle,
  moduleStream,
  parseBootCfg,
  parseElf,
  parseKeyTable,
  parseModInfo,
  parseVersionRecord,
  readImgdb,
} from '../../src/esxboot/index.ts';
import { parseEventLog, parsePcrsJson, renderEventLog, replayEventLog } from '../../src/eventlog/index.ts';
import { FatVolume, openIso, writeFat } from '../../src/iso/index.ts';
import { decode, parseAttest, TPM2B_PUBLIC, TPMT_SIGNATURE } from '../../src/tpm2/index.ts';
import { parsePe, parseSignatureDatabase, readPeSignatures } from '../../src/uefi/index.ts';
import { parseReference, verifyEvidence } from '../../src/verify/index.ts';
import {
  gunzip,
  openPayload,
  openUnpacked,
  parseRevocationList,
  readUstar,
  readVib,
  readVmtar,
  rewriteVib,
  scanPayload,
  UnpackedFile,
  verifyVib,
  writeDescriptor,
} from '../../src/vib/index.ts';
import { decodeReportJson, decodeReportXml } from '../../src/vim/index.ts';
import { parseXml } from '../../src/xml/index.ts';
import { memorySpool } from '../support/memory-spool.ts';

/** One fuzz target. `run` may throw an InputError; anything else is a finding. */
export interface Target {
  readonly name: string;
  readonly inputs: readonly Uint8Array[];
  readonly run: (input: Uint8Array) => unknown;
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const SAMPLES = join(ROOT, 'vib-samples', 'esxi-8.0');

const fixture = (name: string): Uint8Array => new Uint8Array(readFileSync(join(ROOT, 'test', 'fixtures', name)));

/** What can be read is written back as it was. */
function writtenBack(bytes: Uint8Array): void {
  const vib = readVib(bytes);
  if (!equalBytes(rewriteVib(vib), bytes)) throw new Error('the archive is written back with other bytes');
  if (!equalBytes(writeDescriptor(vib.descriptor), vib.descriptorBytes)) throw new Error('the descriptor is not');
}

const LIMITS = { maxBytes: 1 << 24 };

/** Every file of an archive, read at once and unpacked piece by piece: the same bytes, or both refused. */
async function unzipped(bytes: Uint8Array): Promise<void> {
  const zip = openZip(bytesSource(bytes), LIMITS);
  for (const name of zip.entries.keys()) {
    const whole = await outcome(() => zip.read(name));
    const pieces = await outcome(async () => {
      await zip.unpack([name], memorySpool);
      const source = zip.unpacked(name);
      return source === undefined ? zip.read(name) : source.read(0, source.size);
    });
    if (whole === undefined || pieces === undefined ? whole !== pieces : !equalBytes(whole, pieces)) {
      throw new Error(`${name}: unpacked piece by piece it is another file`);
    }
  }
}

async function outcome<T>(run: () => T | Promise<T>): Promise<T | undefined> {
  try {
    return await run();
  } catch (error) {
    if (error instanceof InputError) return undefined;
    throw error;
  }
}

/** A payload opened whole and in one pass that keeps nothing: the same digest and files, or both refused. */
async function bothWays(data: Uint8Array): Promise<void> {
  const payload = { name: 'fuzz', type: 'vgz', data };
  const whole = await outcome(() => openPayload(payload, LIMITS));
  const passed = await outcome(async () => {
    const source = bytesSource(data);
    const file = new UnpackedFile(source, await scanPayload(source, 'fuzz', ['sha256'], LIMITS), 'fuzz');
    const { opened } = await openUnpacked(payload, data.length, file, LIMITS);
    return { digest: file.digest('sha256'), entries: opened.entries };
  });
  const names = (entries: readonly { readonly name: string; readonly size: number }[]): string =>
    entries.map(({ name, size }) => `${name} ${size}`).join('\n');
  if (whole === undefined || passed === undefined) {
    if ((whole === undefined) !== (passed === undefined)) throw new Error('only one of the two ways refuses it');
  } else if (
    !equalBytes(passed.digest, hash('sha256', whole.decompressed)) ||
    names(whole.entries) !== names(passed.entries)
  ) {
    throw new Error('the two ways find other content');
  }
}

/** Every VIB of a bundle, left in it and read whole. */
function bundled(bytes: Uint8Array): void {
  const bundle = openBundle(bytesSource(bytes), LIMITS);
  for (const id of bundle.vibs.keys()) bundle.openVib(id, { lazy: true });
  for (const id of bundle.vibs.keys()) bundle.openVib(id);
}

function fatFiles(bytes: Uint8Array): void {
  const volume = new FatVolume(bytesSource(bytes));
  for (const path of volume.paths) volume.read(path);
}

/** All targets. The inputs come from a booted host and the sample VIBs, so every parser starts from what it meets in life. */
export async function targets(): Promise<Target[]> {
  const spec = resolveSpec({}, { profile: 'esxi-6.7-txt' });
  const image = loadImage(spec);
  const result = await new Host(spec, image).powerOn();
  const files = evidenceFiles(result);
  const reference = await predictReference(spec, image);
  const file = (name: string): Uint8Array => files.get(name) ?? new Uint8Array(0);
  const vibs = readdirSync(SAMPLES)
    .toSorted()
    .map((name) => new Uint8Array(readFileSync(join(SAMPLES, name))));
  const discs = ['rock-ridge', 'joliet', 'long-names-xorriso', 'long-names-genisoimage'].map((name) =>
    // Descriptors and directories; the data of files are not looked at.
    gunzip(fixture(`iso/${name}.iso.gz`), name).slice(0, 60 * 2048),
  );
  const small = vibs.filter((bytes) => bytes.length < 30_000);
  const vib = readVib(small[0] ?? new Uint8Array(0));
  const modules = result.system.modules;
  const content = async (wanted: string): Promise<Uint8Array> =>
    (await modules.find(({ stem, name }) => stem === wanted || name === wanted)?.content()) ?? new Uint8Array(0);
  const kernel = parseElf(await content('k'));
  const section = (name: string): Uint8Array => kernel.sections.find((s) => s.name === name)?.data ?? new Uint8Array(0);
  const archive = await content('nvmxnet3.v00');
  const pe = image.esp.get('EFI/VMware/mboot64.efi') ?? new Uint8Array(0);
  const root = new Uint8Array(readFileSync(join(ROOT, 'vib-samples', 'pki', 'vib-root.crt.pem')));
  const roots = decodePem(root).map(({ bytes }) => parseCertificate(bytes));
  const signature = vib.signature ?? new Uint8Array(0);
  const bundleBytes = writeBundle({
    release: '8.0.3',
    vendor: { name: 'Fuzz', code: 'fuzz' },
    timestamp: '2026-01-01T00:00:00.000000+00:00',
    vibs: small.slice(0, 2).map((bytes) => () => bytes),
  });
  const whole = openZip(bytesSource(bundleBytes));
  const deflated = writeZip([
    ...Array.from(whole.entries.keys(), (name) => ({ name, data: whole.read(name), compress: true })),
    // Large enough for the spool.
    { name: 'large', data: new Uint8Array(1_100_000).map((_, i) => (i >> 6) & 63), compress: true },
  ]);
  // Most of the volume is free.
  const fat = writeFat([['EFI/BOOT/BOOTX64.EFI', pe.subarray(0, 20_000)]]).slice(0, 60_000);
  const judge = (name: string) => (bytes: Uint8Array) => verifyEvidence(new Map(files).set(name, bytes), reference);

  return [
    {
      name: 'event log',
      inputs: [file('eventlog.bin'), file('txt-eventlog.bin')],
      run: (b) => renderEventLog(parseEventLog(b, { tolerant: true })),
    },
    { name: 'event log replay', inputs: [file('eventlog.bin')], run: (b) => replayEventLog(parseEventLog(b)) },
    { name: 'pcrs.json', inputs: [file('pcrs.json')], run: parsePcrsJson },
    { name: 'attest', inputs: [file('quote.attest')], run: parseAttest },
    { name: 'signature', inputs: [file('quote.sig')], run: (b) => decode(TPMT_SIGNATURE, b) },
    { name: 'public area', inputs: [file('ak.pub'), file('ek.pub')], run: (b) => decode(TPM2B_PUBLIC, b) },
    { name: 'certificate', inputs: [file('ek.crt')], run: parseCertificate },
    { name: 'CMS', inputs: [signature], run: (b) => verifySignedData(b, { content: vib.descriptorBytes }) },
    { name: 'PEM', inputs: [root], run: decodePem },
    { name: 'VIB', inputs: small, run: (b) => readVib(b) },
    {
      name: 'VIB verify',
      inputs: [small[0] ?? new Uint8Array(0)],
      run: (b) => verifyVib(readVib(b), { roots, time: 'ignore' }),
    },
    { name: 'XML', inputs: [vib.descriptorBytes, file('report.xml')], run: (b) => parseXml(b, { structure: 'fuzz' }) },
    { name: 'vmtar', inputs: [archive], run: readVmtar },
    { name: 'ustar', inputs: [await content('imgdb')], run: readUstar },
    {
      name: 'gunzip',
      inputs: [vib.payloads[0]?.data ?? new Uint8Array(0)],
      run: (b) => gunzip(b, 'fuzz', { maxBytes: 1 << 24 }),
    },
    {
      name: 'payload',
      inputs: [vib.payloads[0]?.data ?? new Uint8Array(0)],
      run: (b) => openPayload({ name: 'fuzz', type: 'vgz', data: b }),
    },
    { name: 'VIB written back', inputs: small, run: writtenBack },
    {
      name: 'xz',
      inputs: [fixture('compress/defaults.xz'), fixture('compress/blocks.xz')],
      run: (b) => unxz(b, 'fuzz', 1 << 22),
    },
    { name: 'zstd', inputs: [fixture('compress/level-19.zst')], run: (b) => unzstd(b, 'fuzz', 1 << 22) },
    { name: 'ZIP', inputs: [bundleBytes, deflated], run: unzipped },
    { name: 'bundle', inputs: [bundleBytes, deflated], run: bundled },
    { name: 'payload in one pass', inputs: vib.payloads.map(({ data }) => data), run: bothWays },
    { name: 'FAT', inputs: [fat], run: fatFiles },
    {
      name: 'revocation list',
      inputs: [utf8(`# comment\n${'ab'.repeat(32)}\n0123456789\n`)],
      run: parseRevocationList,
    },
    { name: 'disc', inputs: discs, run: (b) => openIso(bytesSource(b)) },
    { name: 'imgdb', inputs: [await content('imgdb')], run: readImgdb },
    { name: 'boot.cfg', inputs: [image.bootbank.get('boot.cfg') ?? new Uint8Array(0)], run: parseBootCfg },
    { name: 'ELF', inputs: [await content('k'), await content('b')], run: (b) => extractMle(parseElf(b)) },
    {
      name: 'module signature',
      inputs: [await content('k')],
      run: (b) =>
        checkBootModules(
          [{ file: 'k.b00', head: b.subarray(0, 512), content: moduleStream(b) }],
          parseKeyTable(section('.vmkeys')),
        ),
    },
    { name: 'key table', inputs: [section('.vmkeys')], run: parseKeyTable },
    {
      name: 'version record',
      inputs: [section('.version')],
      run: (b) => [parseVersionRecord(b), appendModulePath(b, '/k.b00')],
    },
    { name: 'modinfo', inputs: [utf8('nsRequired=com.vmware.vmkapi#v2_6_0_0\0version=1.0\0')], run: parseModInfo },
    { name: 'PE', inputs: [pe], run: (b) => readPeSignatures(parsePe(b)) },
    { name: 'signature database', inputs: [new Uint8Array(76)], run: parseSignatureDatabase },
    { name: 'report.xml', inputs: [file('report.xml')], run: decodeReportXml },
    { name: 'report.json', inputs: [file('report.json')], run: (b) => decodeReportJson(fromUtf8(b)) },
    { name: 'reference', inputs: [utf8(JSON.stringify(reference))], run: parseReference },
    { name: 'verify: log', inputs: [file('eventlog.bin')], run: judge('eventlog.bin') },
    { name: 'verify: quote', inputs: [file('quote.attest')], run: judge('quote.attest') },
    { name: 'verify: report', inputs: [file('report.json')], run: judge('report.json') },
  ];
}
