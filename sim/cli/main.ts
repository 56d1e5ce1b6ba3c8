/** The program of this process: its arguments, its streams, its exit code. */
import { runProgram } from './program.ts';
import { endsWithReader } from './server-life.ts';

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader of a pipe went away (`esxsim … | head`): nothing is wrong.
  if (error.code !== 'EPIPE') throw error;
  if (endsWithReader()) process.exit(process.exitCode ?? 0);
});

process.exitCode = await runProgram(process.argv.slice(2), {
  out: (text) => process.stdout.write(text),
  err: (text) => process.stderr.write(text),
});
