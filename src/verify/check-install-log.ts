/** The installer's log among the evidence: does it tell of an installation with checks switched off? Nothing in it is signed. */
import { fromLatin1 } from '../bytes/index.ts';
import { type Context, report } from './context.ts';
import { limit } from './findings.ts';

/** Name of the log among the evidence. */
export const INSTALL_LOG_FILE = 'esxupdate.log';

/** Phrases of forced installations, in lower case, as public detection rules look for them, with what they say. */
const PHRASES: readonly (readonly [phrase: string, meaning: string])[] = [
  ['image profile with validation disabled', 'an image profile was installed with validation disabled (force)'],
  [
    'bypassing signing and acceptance level verification',
    'an image profile was installed without checks of signature and acceptance level (no-sig-check)',
  ],
  ['vib without valid signature', 'a VIB without valid signature was installed'],
];

/** Whether a log has one of the phrases. */
export function tellsOfBypass(log: Uint8Array): boolean {
  const lower = fromLatin1(log).toLowerCase();
  return PHRASES.some(([phrase]) => lower.includes(phrase));
}

/** Characters of a line that are shown. */
const SHOWN = 200;

/** Looks for each phrase; the first line that has it is named. */
export function checkInstallLog(ctx: Context): void {
  const text = ctx.evidence.installLog;
  if (text === undefined) return;
  ctx.limits.push(limit('INSTALL_LOG_NOT_SIGNED', { file: INSTALL_LOG_FILE }));
  const lower = text.toLowerCase();
  for (const [phrase, meaning] of PHRASES) {
    const at = lower.indexOf(phrase);
    if (at < 0) continue;
    const start = text.lastIndexOf('\n', at) + 1;
    const end = text.indexOf('\n', at);
    const line = text.slice(start, Math.min(end < 0 ? text.length : end, start + SHOWN));
    report(ctx, 'INSTALL_CHECKS_BYPASSED', `the installer's log says that ${meaning}`, {
      where: { file: INSTALL_LOG_FILE, name: phrase },
      actual: line,
      scenario: 'vib-force-trace',
    });
  }
}
