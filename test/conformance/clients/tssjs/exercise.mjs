// Uses a TPM through Microsoft's tss.js, which speaks the simulator's protocol: its handshake, power and NV signals, then
// commands. Prints JSON: for each step what was found, or why it failed. Signatures are checked with node:crypto.
//
//   exercise.mjs HOST:PORT        (tss.js is read from .cache/conformance/tssjs)
import { createHash, createPublicKey, verify } from 'node:crypto';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../../../.cache/conformance/tssjs/', import.meta.url));
const tss = require('tss.js');
const { TPM_ALG_ID, TPM_CAP, TPM_CC, TPM_HANDLE, TPM_PT, TPM_RC, TPM_SE, TPMA_NV, TPMA_OBJECT } = tss;
const AES = new tss.TPMT_SYM_DEF_OBJECT(TPM_ALG_ID.AES, 128, TPM_ALG_ID.CFB);
const NONE = Buffer.alloc(0);
const NO_SCHEME = new tss.TPMS_NULL_SIG_SCHEME();
const NONCE = Buffer.from('nonce of the relying party');

const [host, port] = (process.argv[2] ?? '').split(':');
const tpm = new tss.Tpm(true, host, Number(port));

// Attestations are verified as the TPM sent them: tss.js cannot write a 64-bit number back as it read it.
let response = Buffer.alloc(0);
const dispatch = tpm.device.dispatchCommand.bind(tpm.device);
tpm.device.dispatchCommand = (command, done) =>
  dispatch(command, (error, received) => {
    response = received;
    done(error, received);
  });
/** First parameter, a sized buffer, of the last response: after header and parameterSize. */
const attestation = () => response.subarray(16, 16 + response.readUInt16BE(14));

/** A command of tss.js as a promise; with sessions where given. */
const call = (name, ...args) => callWith([], name, ...args);
const callWith = (sessions, name, ...args) =>
  new Promise((resolve, reject) => {
    if (sessions.length > 0) tpm.withSessions(...sessions);
    tpm[name](...args, (error, response) => (error ? reject(error) : resolve(response)));
  });

function check(condition, message) {
  if (!condition) throw new Error(message);
}

async function refused(code, work) {
  const error = await work().then(
    () => undefined,
    (reason) => reason,
  );
  check(error?.responseCode === code, `want ${TPM_RC[code]}, got ${error?.message ?? 'success'}`);
}

const sha256 = (...parts) => createHash('sha256').update(Buffer.concat(parts)).digest();

const FIXED = TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent | TPMA_OBJECT.sensitiveDataOrigin;
const STORAGE = FIXED | TPMA_OBJECT.userWithAuth | TPMA_OBJECT.noDA | TPMA_OBJECT.restricted | TPMA_OBJECT.decrypt;
const SIGNING = FIXED | TPMA_OBJECT.userWithAuth | TPMA_OBJECT.restricted | TPMA_OBJECT.sign;

const noSensitive = () => new tss.TPMS_SENSITIVE_CREATE(NONE, NONE);
const ecc = (attributes, symmetric, scheme, policy = NONE) =>
  new tss.TPMT_PUBLIC(
    TPM_ALG_ID.SHA256,
    attributes,
    policy,
    new tss.TPMS_ECC_PARMS(symmetric, scheme, tss.TPM_ECC_CURVE.NIST_P256, new tss.TPMS_NULL_KDF_SCHEME()),
    new tss.TPMS_ECC_POINT(NONE, NONE),
  );
const rsa = (attributes, symmetric, scheme, policy = NONE) =>
  new tss.TPMT_PUBLIC(
    TPM_ALG_ID.SHA256,
    attributes,
    policy,
    new tss.TPMS_RSA_PARMS(symmetric, scheme, 2048, 0),
    new tss.TPM2B_PUBLIC_KEY_RSA(Buffer.alloc(256)),
  );
const noSymmetric = () => new tss.TPMT_SYM_DEF_OBJECT(TPM_ALG_ID.NULL, 0, TPM_ALG_ID.NULL);
const noAsymmetric = () => new tss.TPMS_NULL_ASYM_SCHEME();

/** The primary key's response, its object flushed by `use`'s end. */
async function withPrimary(hierarchy, template, use) {
  const made = await call('CreatePrimary', hierarchy, noSensitive(), template, NONE, []);
  try {
    return await use(made);
  } finally {
    await call('FlushContext', made.handle);
  }
}

const pad = (bytes, size) => Buffer.concat([Buffer.alloc(size - bytes.length), bytes]);

/** node:crypto's verdict on a signature of the TPM over a message. */
function verified(publicArea, message, signature) {
  const unique = publicArea.unique;
  if (signature instanceof tss.TPMS_SIGNATURE_ECDSA) {
    const key = { kty: 'EC', crv: 'P-256', x: unique.x.toString('base64url'), y: unique.y.toString('base64url') };
    const p1363 = Buffer.concat([pad(signature.signatureR, 32), pad(signature.signatureS, 32)]);
    const object = createPublicKey({ key, format: 'jwk' });
    return verify('sha256', message, { key: object, dsaEncoding: 'ieee-p1363' }, p1363);
  }
  const key = { kty: 'RSA', n: unique.buffer.toString('base64url'), e: 'AQAB' };
  return verify('sha256', message, createPublicKey({ key, format: 'jwk' }), signature.sig);
}

const selection = (...pcrs) => {
  const bits = Buffer.alloc(3);
  for (const pcr of pcrs) bits[pcr >> 3] |= 1 << (pcr & 7);
  return [new tss.TPMS_PCR_SELECTION(TPM_ALG_ID.SHA256, bits)];
};

async function policySession(kind = TPM_SE.POLICY) {
  const none = TPM_HANDLE.NULL;
  const nonce = Buffer.alloc(20);
  const started = await call('StartAuthSession', none, none, nonce, NONE, kind, tss.NullSymDef, TPM_ALG_ID.SHA256);
  return new tss.Session(started.handle, started.nonceTPM);
}

const steps = {
  async connect() {
    await new Promise((resolve, reject) => tpm.connect((error) => (error ? reject(error) : resolve())));
  },

  async capabilities() {
    const { capabilityData } = await call('GetCapability', TPM_CAP.TPM_PROPERTIES, TPM_PT.MANUFACTURER, 1);
    const manufacturer = Buffer.alloc(4);
    manufacturer.writeUInt32BE(capabilityData.tpmProperty[0].value);
    const commands = await call('GetCapability', TPM_CAP.COMMANDS, TPM_CC.FIRST, 256);
    const random = await call('GetRandom', 20);
    check(random.length === 20, 'random bytes');
    return { manufacturer: manufacturer.toString(), commands: commands.capabilityData.commandAttributes.length };
  },

  async quotes() {
    const schemes = [
      ecc(SIGNING, noSymmetric(), new tss.TPMS_SIG_SCHEME_ECDSA(TPM_ALG_ID.SHA256)),
      rsa(SIGNING, noSymmetric(), new tss.TPMS_SIG_SCHEME_RSASSA(TPM_ALG_ID.SHA256)),
    ];
    const pcr = new TPM_HANDLE(12);
    await call('PCR_Extend', pcr, [new tss.TPMT_HA(TPM_ALG_ID.SHA256, sha256(Buffer.from('something measured')))]);
    for (const template of schemes) {
      await withPrimary(TPM_HANDLE.ENDORSEMENT, template, async ({ handle, outPublic }) => {
        const { quoted, signature } = await call('Quote', handle, NONCE, NO_SCHEME, selection(0, 7, 12));
        check(verified(outPublic, attestation(), signature), 'the signature of the quote is wrong');
        check(quoted.extraData.equals(NONCE), 'extraData');
        const { pcrValues } = await call('PCR_Read', selection(0, 7, 12));
        const digest = sha256(...pcrValues.map(({ buffer }) => buffer));
        check(quoted.attested.pcrDigest.equals(digest), 'pcrDigest');
        const certified = await call('Certify', handle, handle, NONCE, NO_SCHEME);
        check(verified(outPublic, attestation(), certified.signature), 'the signature of the certification is wrong');
      });
    }
  },

  async credential() {
    // Policy of the endorsement keys: TPM2_PolicySecret(TPM_RH_ENDORSEMENT).
    const policy = Buffer.from('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa', 'hex');
    const attributes = (STORAGE | TPMA_OBJECT.adminWithPolicy) & ~(TPMA_OBJECT.userWithAuth | TPMA_OBJECT.noDA);
    const ek = rsa(attributes, AES, noAsymmetric(), policy);
    const ak = ecc(SIGNING, noSymmetric(), new tss.TPMS_SIG_SCHEME_ECDSA(TPM_ALG_ID.SHA256));
    await withPrimary(TPM_HANDLE.ENDORSEMENT, ek, (endorsement) =>
      withPrimary(TPM_HANDLE.ENDORSEMENT, ak, async (attestation) => {
        const secret = Buffer.from('a credential of thirty-two bytes');
        const made = await call('MakeCredential', endorsement.handle, secret, attestation.name);
        const session = await policySession();
        await call('PolicySecret', TPM_HANDLE.ENDORSEMENT, session.SessIn.sessionHandle, NONE, NONE, NONE, 0);
        const got = await callWith(
          [tss.NullPwSession, session],
          'ActivateCredential',
          attestation.handle,
          endorsement.handle,
          made.credentialBlob,
          made.secret,
        );
        check(got.equals(secret), `activated ${got.toString('hex')}`);
      }),
    );
  },

  async sealed() {
    const pcrs = selection(12);
    const trial = await policySession(TPM_SE.TRIAL);
    await call('PolicyPCR', trial.SessIn.sessionHandle, NONE, pcrs);
    const policy = await call('PolicyGetDigest', trial.SessIn.sessionHandle);
    await call('FlushContext', trial.SessIn.sessionHandle);
    await withPrimary(TPM_HANDLE.OWNER, ecc(STORAGE, AES, noAsymmetric()), async (srk) => {
      const template = new tss.TPMT_PUBLIC(
        TPM_ALG_ID.SHA256,
        TPMA_OBJECT.fixedTPM | TPMA_OBJECT.fixedParent | TPMA_OBJECT.adminWithPolicy,
        policy,
        new tss.TPMS_KEYEDHASH_PARMS(new tss.TPMS_NULL_SCHEME_KEYEDHASH()),
        new tss.TPM2B_DIGEST_KEYEDHASH(NONE),
      );
      const secret = Buffer.from('sealed to the state of the platform');
      const sensitive = new tss.TPMS_SENSITIVE_CREATE(NONE, secret);
      const created = await call('Create', srk.handle, sensitive, template, NONE, []);
      const item = await call('Load', srk.handle, created.outPrivate, created.outPublic);
      try {
        const session = await policySession();
        const use = () => callWith([session], 'Unseal', item);
        await call('PolicyPCR', session.SessIn.sessionHandle, NONE, pcrs);
        const got = await use();
        check(got.equals(secret), `unsealed ${got.toString('hex')}`);
        const second = await policySession();
        await refused(TPM_RC.POLICY_FAIL, () => callWith([second], 'Unseal', item));
        await call('FlushContext', second.SessIn.sessionHandle);
      } finally {
        await call('FlushContext', item);
      }
    });
  },

  async nv() {
    const index = new TPM_HANDLE(0x01800301);
    const attributes = TPMA_NV.AUTHREAD | TPMA_NV.AUTHWRITE | TPMA_NV.NO_DA;
    const area = new tss.TPMS_NV_PUBLIC(index, TPM_ALG_ID.SHA256, attributes, NONE, 32);
    await call('NV_DefineSpace', TPM_HANDLE.OWNER, NONE, area);
    await refused(TPM_RC.NV_UNINITIALIZED, () => call('NV_Read', index, index, 32, 0));
    const data = sha256(NONCE);
    await call('NV_Write', index, index, data, 0);
    check((await call('NV_Read', index, index, 32, 0)).equals(data), 'data read');
    const { nvName, nvPublic } = await call('NV_ReadPublic', index);
    check(nvName.subarray(2).equals(sha256(nvPublic.toBytes())), 'Name of the index');
    await call('NV_UndefineSpace', TPM_HANDLE.OWNER, index);
  },

  async hash() {
    const { outHash } = await call('Hash', NONCE, TPM_ALG_ID.SHA256, TPM_HANDLE.NULL);
    check(outHash.equals(sha256(NONCE)), 'digest');
  },
};

const outcomes = [];
for (const [step, run] of Object.entries(steps)) {
  try {
    const found = await run();
    outcomes.push(found === undefined ? { step } : { step, found });
  } catch (error) {
    outcomes.push({ step, error: String(error?.stack ?? error) });
  }
}
tpm.close();
process.stdout.write(JSON.stringify(outcomes));
