/** Besides the usual output, a JSON result for each suite where the CI asks for one. */
export function reporters(suite: string): { reporters: string[]; outputFile?: string } {
  const folder = process.env.ESXSIM_RESULTS;
  return folder === undefined
    ? { reporters: ['default'] }
    : { reporters: ['default', 'json'], outputFile: `${folder}/${suite}.json` };
}
