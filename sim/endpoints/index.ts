/** The vSphere API of simulated hosts, without a port; `server.ts` puts it on one (Node), `msw.ts` behind msw. */
export { createApp, createHandler, type FetchApp, fetchApp } from './app.ts';
export type { HttpHandler, HttpReply, HttpRequest } from './http.ts';
export type { AcceptanceLevel, AttestationStatus, HostFacts, ServedHost, SoftwareFacts } from './served-host.ts';
export type { EndpointWorld } from './service.ts';
