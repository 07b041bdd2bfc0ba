/** `migrascope serve`: the built app on this machine. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { BRIDGE_HASH } from '../lib/viz/bridge-address.ts';
import { Bridge } from './bridge.ts';
import { Exit, textOption, textOptions, UsageError, type Command } from './command.ts';
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
async function open(folder: string, port: number | undefined, bridge: Bridge): Promise<Site> {
  try {
    return await serveSite(folder, port ?? DEFAULT_PORT, bridge);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EADDRINUSE') throw error;
    if (port !== undefined) throw new UsageError(`port ${port} is taken`);
    return serveSite(folder, 0, bridge);
  }
}

export const serve: Command = {
  name: 'serve',
  summary: 'serves the app on this machine, with the headers that shared memory needs',
  usage: '[--port N] [--allow HOST]…',
  help: `Serves the built site on loopback until interrupted and prints its URL. Keep what stands behind its
#: with it, the page's machines migrate to and from tcp:HOST:PORT and unix:PATH. Nobody else may.

  --port N      the port, 0 for any free one (default ${DEFAULT_PORT}, or a free one where that is taken)
  --allow HOST  a host besides this one that the page may reach, by the name that it is called by;
                '*' is every host`,
  options: { port: { type: 'string' }, allow: { type: 'string', multiple: true } },
  async run(values, positionals, io) {
    if (positionals.length > 0) throw new UsageError(`serve takes no '${positionals[0]}'`);
    const port = portOf(textOption(values, 'port'));
    if (!existsSync(join(siteFolder, 'index.html'))) {
      io.err('there is no built site: run `npm run build`');
      return Exit.failed;
    }
    const bridge = new Bridge(textOptions(values, 'allow'));
    const site = await open(siteFolder, port, bridge);
    const stopped = new Promise<void>((resolve) => {
      process.once('SIGINT', resolve);
      process.once('SIGTERM', resolve);
    });
    await io.out(`${site.url}#${BRIDGE_HASH}=${bridge.token}\n`);
    io.err('open this in a browser; Ctrl+C stops');
    await stopped;
    bridge.close();
    await site.close();
    return Exit.done;
  }
};
