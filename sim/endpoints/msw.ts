/** The simulated vSphere service as request handlers of msw v2, so that a client under test reaches it without a port. */
import { type HttpHandler, http } from 'msw';
import type { FetchApp } from './app.ts';

export { createApp, type FetchApp } from './app.ts';
export type { AcceptanceLevel, AttestationStatus, HostFacts, ServedHost, SoftwareFacts } from './served-host.ts';
export type { EndpointWorld } from './service.ts';

/**
 * Handlers that answer every request below `baseUrl` (e.g. `https://vcenter.example.test`) with `app`:
 *
 *     const server = setupServer(...handlers(createApp(world), 'https://vcenter.example.test'));
 */
export function handlers(app: FetchApp, baseUrl: string): HttpHandler[] {
  return [http.all(`${baseUrl.replace(/\/$/, '')}/*`, ({ request }) => app(request))];
}
