/** A second layer is decoded anew for each pass, unless what it holds was small enough to keep. */
import { expect, it } from 'vitest';
import { concat, fromUtf8, tryFromBase64, utf8 } from '../bytes/bytes.ts';
import { NestedFile } from './nested-file.ts';

/** xz of a tar archive of 10 KiB that holds `etc/motd`. */
const TAR_XZ =
  tryFromBase64(
    '/Td6WFoAAATm1rRGAgAhARwAAAAQz1jM4Cf/AG1dADKdCIYUltE4104j1IUOQsX+bK9kKStznEmhoUO/cZmfeunA3oP3mzI3XyMFmVG3T5AGbLY19mRTIoCks4W3qcZplUf5mD3xAz3viJlr/VvY6FSU3NTtOWhaZaS0+RiZw8PpYTIArjwpzPRKXAAAAAAA3YxYtM0a7moAAYkBgFAAAPYgb0axxGf7AgAAAAAEWVo=',
  ) ?? utf8('');

it.each([
  [0, 3],
  [10_239, 3],
  [10_240, 1],
])('with %i bytes kept, three passes take %i decodings', async (keep, decodings) => {
  let passes = 0;
  const outer = {
    each: async (onChunk: (chunk: Uint8Array) => void) => {
      passes++;
      onChunk(TAR_XZ);
    },
  };
  const file = new NestedFile(outer, 'xz', 'p', 1 << 20);
  const archive = await file.archive(keep);
  expect(archive).toMatchObject({ kind: 'tar', entries: [{ name: 'etc/motd', size: 6 }] });
  for (let i = 0; i < 2; i++) {
    const chunks: Uint8Array[] = [];
    await file.each((chunk) => chunks.push(chunk.slice()));
    const tar = concat(...chunks);
    expect([tar.length, fromUtf8(tar.subarray(512, 518))]).toEqual([10_240, 'hello\n']);
  }
  expect(passes).toBe(decodings);
});
