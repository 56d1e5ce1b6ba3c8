/** Every parser of untrusted bytes, with good inputs to start from. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { evidenceFiles } from '../../sim/evidence.ts';
import { Host } from '../../sim/host.ts';
import { loadImage } from '../../sim/node/image-files.ts';
import { predictReference } from '../../sim/predict.ts';
import { resolveSpec } from '../../sim/spec/resolve.ts';
import { bytesSource } from '../../src/archive/index.ts';
import { equalBytes, fromUtf8, utf8 } from '../../src/bytes/bytes.ts';
import { unxz } from '../../src/compress/xz.ts';
import { unzstd } from '../../src/compress/zstd.ts';
import { verifySignedData } from '../../src/crypto/cms.ts';
import { decodePem } from '../../src/crypto/pem.ts';
import { parseCertificate } from '../../src/crypto/x509.ts';
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
import { openIso } from '../../src/iso/index.ts';
import { decode, parseAttest, TPM2B_PUBLIC, TPMT_SIGNATURE } from '../../src/tpm2/index.ts';
import { parsePe, parseSignatureDatabase, readPeSignatures } from '../../src/uefi/index.ts';
import { parseReference, verifyEvidence } from '../../src/verify/index.ts';
import {
  gunzip,
  openPayload,
  readUstar,
  readVib,
  readVmtar,
  rewriteVib,
  verifyVib,
  writeDescriptor,
} from '../../src/vib/index.ts';
import { decodeReportJson, decodeReportXml } from '../../src/vim/index.ts';
import { parseXml } from '../../src/xml/index.ts';

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
