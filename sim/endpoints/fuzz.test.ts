/** Damaged requests: whatever is sent, the answer is a reply or a vSphere fault, never one that tells of a bug. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fromUtf8, utf8 } from '../../src/bytes/bytes.ts';
import { loggedIn } from '../../test/support/soap-client.ts';

const envelope = (body: string): string =>
  `<Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>${body}</Body></Envelope>`;

const REQUESTS = [
  '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>a</userName><password>b</password></Login>',
  '<RetrievePropertiesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><specSet><propSet><type>ManagedEntity</type><all>true</all><pathSet>name</pathSet></propSet><objectSet><obj type="Folder">group-d1</obj><skip>false</skip><selectSet xsi:type="TraversalSpec"><name>v</name><type>Folder</type><path>childEntity</path><selectSet><name>v</name></selectSet></selectSet></objectSet></specSet><options><maxObjects>1</maxObjects></options></RetrievePropertiesEx>',
  '<CreateContainerView xmlns="urn:vim25"><_this type="ViewManager">ViewManager</_this><container type="Folder">group-d1</container><type>HostSystem</type><recursive>true</recursive></CreateContainerView>',
  '<Fetch xmlns="urn:vim25"><_this type="HostSystem">host-10</_this><prop>config.option["VMkernel.Boot.execInstalledOnly"].value</prop></Fetch>',
  '<QueryOptions xmlns="urn:vim25"><_this type="OptionManager">VpxSettings</_this><name>config.</name></QueryOptions>',
].map(envelope);

const WORDS = [
  '<',
  '>',
  '&',
  '"',
  '</',
  '&#0;',
  '-1',
  '99999999999',
  'HostListSummary',
  '__proto__',
  'constructor',
  '\u0000',
  'é',
];

describe('damaged SOAP requests', () => {
  it('never meet a bug', async () => {
    const client = await loggedIn();
    const change = fc.record({
      request: fc.nat(REQUESTS.length - 1),
      edits: fc.array(
        fc.record({
          at: fc.double({ min: 0, max: 1, noNaN: true }),
          drop: fc.nat(12),
          put: fc.constantFrom('', ...WORDS),
        }),
        { minLength: 1, maxLength: 3 },
      ),
      byte: fc.option(fc.tuple(fc.double({ min: 0, max: 0.99, noNaN: true }), fc.nat(255)), { freq: 3 }),
    });
    await fc.assert(
      fc.asyncProperty(change, async ({ request, edits, byte }) => {
        let text = REQUESTS[request] ?? '';
        for (const { at, drop, put } of edits) {
          const place = Math.floor(at * text.length);
          text = text.slice(0, place) + put + text.slice(place + drop);
        }
        const bytes = utf8(text);
        if (byte !== null) bytes[Math.floor(byte[0] * bytes.length)] = byte[1];
        const { status, xml } = await client.post(bytes);
        expect([200, 500]).toContain(status);
        expect(xml, fromUtf8(bytes)).not.toContain('SystemError');
      }),
      { numRuns: 400, seed: 7 },
    );
  });

  it('never meet a bug in VI/JSON either', async () => {
    const client = await loggedIn();
    const path = 'https://vc.example.test/sdk/vim25/8.0.3.0/SessionManager/SessionManager/Login';
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const response = await client.app(new Request(path, { method: 'POST', body: JSON.stringify(value) }));
        expect(await response.text()).toMatch(/InvalidRequest|InvalidLogin/);
      }),
      { numRuns: 100, seed: 7 },
    );
  });
});
