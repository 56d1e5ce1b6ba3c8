/** What the test calls in the page: the same functions as in Node, with files from the server the page came from. */
import { installImage } from 'esxsim';
import { readVib } from 'esxsim/vib';
import { type BootJob, bootAndVerify, checkVibs } from './hosts.ts';

export { readLogs } from './hosts.ts';
export { playStream, travelInTime, useTpm } from './tpm.ts';

async function fetched(path: string): Promise<Response> {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: status ${response.status}`);
  return response;
}

async function fetchVibs(folder: string): Promise<Uint8Array[]> {
  const names: readonly string[] = await (await fetched(`/${folder}/index.json`)).json();
  return Promise.all(
    names.map(async (name) => new Uint8Array(await (await fetched(`/${folder}/${name}`)).arrayBuffer())),
  );
}

/** {@link bootAndVerify} with the sample VIBs of the profile. */
export const boot = (job: BootJob) =>
  bootAndVerify(job, async (spec) =>
    installImage(
      spec,
      (await fetchVibs(`vib-samples/${spec.image.sample ?? ''}`)).map((bytes) => readVib(bytes)),
    ),
  );

/** {@link checkVibs} of a folder of the samples. */
export const vibs = async (folder: string) =>
  checkVibs(await fetchVibs(`vib-samples/${folder}`), await (await fetched('/vib-root.crt.pem')).text());

/** The names that an entry point of the package exports. */
export const exportsOf = async (entry: string): Promise<string[]> => Object.keys(await import(entry)).toSorted();
