// As much of GDB's remote protocol as it takes to stop a guest at an address. A machine stopped by a breakpoint is in a run
// state that no QEMU takes in, so it is stopped as by Ctrl+C behind it.
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

/** @typedef {import('./machine.mjs').Machine} Machine */

const INTERRUPT = '\x03';

/** @param {string} body */
function packet(body) {
  const sum = [...body].reduce((total, char) => total + char.charCodeAt(0), 0) & 0xff;
  return `$${body}#${sum.toString(16).padStart(2, '0')}`;
}

/**
 * Lets a machine that was started with -S run until it comes to an address for the first time, and stops it there.
 * @param {Machine} machine
 * @param {string} socket path of a Unix socket that is not there yet
 * @param {number} address linear
 */
export async function runToAddress(machine, socket, address) {
  await machine.hmp(`gdbserver unix:${socket},server=on,wait=off`);
  const gdb = connect(socket).setEncoding('latin1');
  let heard = '';
  gdb.on('data', (text) => (heard += text)).on('error', () => undefined);
  /** @param {string} body @param {RegExp} answer */
  const ask = async (body, answer) => {
    heard = '';
    gdb.write(packet(body));
    for (const end = Date.now() + 60_000; !answer.test(heard); await sleep(5)) {
      if (Date.now() > end) throw new Error(`gdbserver says ${JSON.stringify(heard)} to ${body}`);
    }
  };
  const place = `1,${address.toString(16)},1`;
  await ask('?', /\$[ST]/);
  await ask(`Z${place}`, /\$OK#/);
  await ask('c', /\$T05/);
  await ask(`z${place}`, /\$OK#/);
  gdb.write(`+${packet('c')}${INTERRUPT}`);
  for (const end = Date.now() + 10_000; (await machine.qmp('query-status')).status !== 'paused'; await sleep(5)) {
    if (Date.now() > end) throw new Error('the machine does not stop behind the breakpoint');
  }
  gdb.destroy();
}
