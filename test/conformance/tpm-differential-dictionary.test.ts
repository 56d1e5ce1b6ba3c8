/** Dictionary attack protection, ours against swtpm's. */
import { setTimeout as wait } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, it } from 'vitest';
import { utf8 } from '../../src/bytes/bytes.ts';
import * as T from '../../src/tpm2/index.ts';
import { flush, primary, type Side, Sides, sealed, startSession as start, status } from './tpm-sides.ts';

const { COMMANDS: C, TPM_RH } = T;
const EMPTY = new Uint8Array(0);
const { userWithAuth } = T.TPMA_OBJECT;

let sides: Sides;
beforeAll(async () => {
  sides = await Sides.start();
});
afterEach(() => sides.check());
afterAll(() => sides.stop());

describe('dictionary attacks', () => {
  const right = utf8('right');
  const wrong = utf8('wrong');
  const lockoutState = async (side: Side) => {
    const list = async (property: number, propertyCount: number) =>
      (await side.client.call(C.GetCapability, { capability: 6, property, propertyCount })).capabilityData.data;
    return [await list(0x200, 1), await list(0x20e, 4)];
  };
  const unseal = (side: Side, itemHandle: number, auth: T.Authorization) =>
    status(side.client.call(C.Unseal, { itemHandle }, { auth: [auth], names: names.get(side.name) ?? {} }));
  const names = new Map<string, { itemHandle: Uint8Array }>();
  const retry = async (act: () => Promise<string>): Promise<string[]> => [await act(), await act()];

  it('answers the first try with RETRY', async () => {
    await sides.restart(0, 0);
    await sides.agree('object', (side) =>
      primary(side, sealed(userWithAuth), { userAuth: right, data: right }).then(() => 0),
    );
    // The client would repeat the command by itself.
    const command = T.encodeCommand(C.Unseal, { itemHandle: 0x80000000 }, [right]);
    for (let i = 0; i < 2; i++) await sides.pair.same('unseal', command);
    await sides.agree('flush', (side) => flush(side, 0x80000000));
  });

  it('count, lock and reset', async () => {
    await sides.restart(0, 0);
    await sides.agree('object', async (side) => {
      const made = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
      names.set(side.name, { itemHandle: made.name });
      return made.handle;
    });
    const itemHandle = 0x80000000;
    await sides.agree('first uses', (side) => retry(() => unseal(side, itemHandle, right)));
    await sides.agree('lockout hierarchy', async (side) => {
      const out: unknown[] = [await lockoutState(side)];
      for (const auth of [wrong, wrong, right, wrong, right, wrong])
        out.push(await unseal(side, itemHandle, auth), await lockoutState(side));
      const session = await start(side);
      out.push(await unseal(side, itemHandle, { with: session, authValue: right }));
      out.push(
        await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })),
        await lockoutState(side),
      );
      out.push(await unseal(side, itemHandle, { with: session, authValue: wrong }), await lockoutState(side));
      out.push(await unseal(side, itemHandle, { with: session, authValue: right }));
      out.push(await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.OWNER })));
      await flush(side, session.handle);
      return out;
    });
    await sides.agree('parameters', async (side) => {
      const out: unknown[] = [];
      const set = (newMaxTries: number, newRecoveryTime: number, lockoutRecovery: number) =>
        status(
          side.client.call(C.DictionaryAttackParameters, {
            lockHandle: TPM_RH.LOCKOUT,
            newMaxTries,
            newRecoveryTime,
            lockoutRecovery,
          }),
        );
      for (const [tries, recovery, lockout] of [
        [1, 1000, 1000],
        [0, 1000, 1000],
        [5, 0, 1000],
        [5, 5000, 0],
      ] as const) {
        out.push(await set(tries, recovery, lockout), await lockoutState(side));
        for (const auth of [right, wrong, right])
          out.push(await unseal(side, itemHandle, auth), await lockoutState(side));
      }
      out.push(await set(3, 1000, 1000));
      return out;
    });
    await sides.agree('bound sessions', async (side) => {
      const out: unknown[] = [
        await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })),
      ];
      const bind = { handle: itemHandle, authValue: wrong };
      const session = await start(side, { bind });
      out.push(await unseal(side, itemHandle, { with: session, bound: true }), await lockoutState(side));
      out.push(
        await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [{ with: session }] })),
        await lockoutState(side),
      );
      await flush(side, session.handle);
      const good = await start(side, { bind: { handle: itemHandle, authValue: right } });
      out.push(await unseal(side, itemHandle, { with: good, bound: true, authValue: right }));
      out.push(await unseal(side, itemHandle, wrong), await unseal(side, itemHandle, wrong), await lockoutState(side));
      out.push(await unseal(side, itemHandle, { with: good, bound: true, authValue: right }));
      out.push(await status(side.client.call(C.PCR_Reset, { pcrHandle: 16 }, { auth: [{ with: good }] })));
      await flush(side, good.handle);
      return out;
    });
  });

  it('the lockout hierarchy itself', async () => {
    await sides.agree('lockoutAuth', async (side) => {
      const { client } = side;
      const out: unknown[] = [];
      const reset = (auth: T.Authorization) =>
        status(client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [auth] }));
      out.push(await status(client.call(C.HierarchyChangeAuth, { authHandle: TPM_RH.LOCKOUT, newAuth: right })));
      out.push(
        await reset(right),
        await lockoutState(side),
        await reset(wrong),
        await lockoutState(side),
        await reset(right),
      );
      const session = await start(side, { bind: { handle: TPM_RH.LOCKOUT, authValue: right } });
      out.push(await reset({ with: session, bound: true, authValue: right }));
      await flush(side, session.handle);
      return out;
    });
    await sides.restart(0, 0);
    await sides.agree('after a reset', async (side) => {
      const reset = (auth: T.Authorization) =>
        status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [auth] }));
      const out: unknown[] = [await reset(right)];
      out.push(
        await status(side.client.call(C.Clear, { authHandle: TPM_RH.PLATFORM })),
        await reset(EMPTY),
        await lockoutState(side),
      );
      const parameters = { lockHandle: TPM_RH.LOCKOUT, newMaxTries: 3, newRecoveryTime: 1000, lockoutRecovery: 0 };
      out.push(
        await status(side.client.call(C.DictionaryAttackParameters, parameters)),
        await reset(wrong),
        await reset(EMPTY),
      );
      return out;
    });
    await sides.restart(0, 0);
    await sides.agree('lockoutRecovery 0 ends with the reset', async (side) => {
      const reset = () => status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }));
      return [
        await reset(),
        await lockoutState(side),
        await status(side.client.call(C.Clear, { authHandle: TPM_RH.PLATFORM })),
      ];
    });
  });

  const KINDS = [
    [0, undefined],
    [0, 0],
    [0, 1],
    [1, 1],
  ] as const;
  const lockReset = (side: Side, auth: T.Authorization) =>
    status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [auth] }));
  const setLimits = (side: Side, newRecoveryTime: number, lockoutRecovery: number) => {
    const limits = { lockHandle: TPM_RH.LOCKOUT, newMaxTries: 5, newRecoveryTime, lockoutRecovery };
    return status(side.client.call(C.DictionaryAttackParameters, limits));
  };
  const pass = async (milliseconds: number) => {
    await wait(milliseconds);
    sides.pair.clock.advance(milliseconds);
  };

  it('lockoutRecovery 0 ends with every start', async () => {
    for (const [startup, shutdown] of KINDS) {
      await sides.agree('lock', async (side) => [
        await status(side.client.call(C.Clear, { authHandle: TPM_RH.PLATFORM })),
        await setLimits(side, 1000, 0),
        await lockReset(side, wrong),
        await lockReset(side, EMPTY),
      ]);
      await sides.restart(startup, shutdown);
      await sides.agree(`startup ${startup}, shutdown ${shutdown}`, (side) => lockReset(side, EMPTY));
    }
  });

  it('what had passed of the timers counts after an orderly stop', async () => {
    for (const [startup, shutdown] of KINDS) {
      await sides.agree('fail', async (side) => {
        const out = [
          await status(side.client.call(C.Clear, { authHandle: TPM_RH.PLATFORM })),
          await setLimits(side, 3, 3),
        ];
        const { handle } = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
        for (let i = 0; i < 2; i++) out.push(await unseal(side, handle, wrong));
        await flush(side, handle);
        return [out, await lockReset(side, wrong), await lockoutState(side)];
      });
      await pass(2000);
      await sides.restart(startup, shutdown);
      const label = `startup ${startup}, shutdown ${shutdown}`;
      await sides.agree(label, async (side) => [await lockoutState(side), await lockReset(side, EMPTY)]);
      await pass(1600);
      await sides.agree(`${label}, later`, async (side) => [await lockoutState(side), await lockReset(side, EMPTY)]);
    }
    await sides.agree('clear', (side) => status(side.client.call(C.Clear, { authHandle: TPM_RH.PLATFORM })));
  });

  it('orderly and unorderly stops', async () => {
    for (const shutdown of [0, undefined, 1, undefined]) {
      await sides.restart(0, shutdown);
      await sides.agree(`unused, shutdown ${shutdown}`, (side) => lockoutState(side));
      await sides.agree('used', async (side) => {
        const { handle } = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
        return [await retry(() => unseal(side, handle, right)), await flush(side, handle)];
      });
      await sides.restart(0, shutdown);
      await sides.agree(`used, shutdown ${shutdown}`, (side) => lockoutState(side));
    }
  });

  it('a stop forgives nothing, whatever the time before it', async () => {
    const parameters = { lockHandle: TPM_RH.LOCKOUT, newMaxTries: 30, newRecoveryTime: 1000, lockoutRecovery: 1000 };
    for (const shutdown of [undefined, 0, 1]) {
      await sides.restart(0, 0);
      await sides.agree('parameters', (side) => status(side.client.call(C.DictionaryAttackParameters, parameters)));
      await wait(1500);
      sides.pair.clock.advance(1500);
      await sides.agree(`fail before shutdown ${shutdown}`, async (side) => {
        const { handle } = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
        const out: unknown[] = [];
        for (let i = 0; i < 3; i++) out.push(await unseal(side, handle, wrong));
        return [out, await lockoutState(side)];
      });
      for (let i = 0; i < 3; i++) {
        await sides.restart(shutdown === 1 ? 1 : 0, shutdown);
        await sides.agree(`stop ${i} with shutdown ${shutdown}`, (side) => lockoutState(side));
      }
      await sides.restart(0, 0);
    }
    await sides.agree('reset', (side) =>
      status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })),
    );
  });

  it('heals with time', async () => {
    await sides.restart(0, 0);
    await sides.agree('fail', async (side) => {
      const { handle } = await primary(side, sealed(userWithAuth), { userAuth: right, data: utf8('data') });
      const parameters = { lockHandle: TPM_RH.LOCKOUT, newMaxTries: 4, newRecoveryTime: 2, lockoutRecovery: 2 };
      await side.client.call(C.DictionaryAttackParameters, parameters);
      await side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT });
      const out: unknown[] = [];
      for (let i = 0; i < 4; i++) out.push(await unseal(side, handle, wrong));
      out.push(
        await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT }, { auth: [wrong] })),
      );
      out.push(await lockoutState(side));
      return out;
    });
    await wait(2500);
    sides.pair.clock.advance(2500);
    await sides.agree('healed', async (side) => [
      await lockoutState(side),
      await unseal(side, 0x80000000, right),
      await status(side.client.call(C.DictionaryAttackLockReset, { lockHandle: TPM_RH.LOCKOUT })),
      await flush(side, 0x80000000),
    ]);
  });
});
