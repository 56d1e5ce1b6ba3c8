// `npm start` alone boots the default host; `npm start -- vib list x.vib` is the CLI itself.
if (process.argv.length === 2) process.argv.push('boot');
await import('./esxsim.js');
