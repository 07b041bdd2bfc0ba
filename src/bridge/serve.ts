/** `migrascope serve`: the built app on this machine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Exit, textOption, UsageError, type Command } from './command.ts';
import { serveSite, type Site } from './static-site.ts';

const DEFAULT_PORT = 8470;

/** `build/` at the top; this file's source and its bundle lie equally deep below it. */
const siteFolder = fileURLToPath(new URL('../../build', import.meta.url));

function portOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) throw new UsageError(`--port is a number up to 65535, not '${text}'`);
  return port;
}

/** The port that was asked for; without one the usual, or any free one where that is taken. */
async function open(folder: string, port: number | undefined): Promise<Site> {
  try {
    return await serveSite(folder, port ?? DEFAULT_PORT);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (port !== undefined) throw new UsageError(`port ${port} is taken`);
    return serveSite(folder, 0);
  }
}

export const serve: Command = {
  name: 'serve',
  summary: 'serves the app on this machine, with the headers that shared memory needs',
  usage: '[--port N]',
  help: `Serves the built site on loopback until interrupted and prints its URL.

  --port N  the port, 0 for any free one (default ${DEFAULT_PORT}, or a free one where that is taken)`,
  options: { port: { type: 'string' } },
  async run(values, positionals, io) {
    if (positionals.length > 0) throw new UsageError(`serve takes no '${positionals[0]}'`);
    const port = portOf(textOption(values, 'port'));
    if (!existsSync(join(siteFolder, 'index.html'))) {
      io.err('there is no built site: run `npm run build`');
      return Exit.failed;
    }
    const site = await open(siteFolder, port);
    const stopped = new Promise<void>((resolve) => {
      process.once('SIGINT', resolve);
      process.once('SIGTERM', resolve);
    });
    await io.out(`${site.url}\n`);
    io.err('open this in a browser; Ctrl+C stops');
    await stopped;
    await site.close();
    return Exit.done;
  }
};
