import { expect, test } from 'vitest';
import { shellWords } from '../../../../src/lib/vmstate/command-line.ts';
import { OptionError } from '../../../../src/lib/emulator/system/qemu-option.ts';
import { parseOptions } from '../../../../src/lib/emulator/system/vl.ts';

const parse = (line: string) => parseOptions(shellWords(line));

test("the scenario's command line is understood whole", () => {
  const options = parse(
    '-M pc-i440fx-7.2 -m 512 -nographic -nic none -accel tcg,tb-size=64 -kernel vmlinuz -initrd initrd.img ' +
      '-append "console=ttyS0 root=/dev/vda" -drive file=disk,,1.img,if=virtio,format=raw,cache=none ' +
      '-incoming "exec:cat vm.state" -monitor unix:mon,server=on,wait=off -qmp tcp:127.0.0.1:4444,server,nowait -S'
  );
  expect(options).toMatchObject({
    ...{ machine: 'pc-i440fx-7.2', memory: 512 * 2 ** 20, nographic: true, network: false, paused: true },
    ...{ kernel: 'vmlinuz', initrd: 'initrd.img', append: 'console=ttyS0 root=/dev/vda' },
    ...{ incoming: ['exec:cat vm.state'], cpu: 'qemu64', cpus: 1 }
  });
  expect(options.drives).toEqual([
    {
      ...{ id: 'virtio0', file: 'disk,1.img', format: 'raw', interface: 'virtio', media: 'disk', index: undefined },
      ...{ readonly: false, snapshot: false }
    }
  ]);
  expect(options.monitors).toEqual([{ kind: 'unix', path: 'mon', server: true, wait: false }]);
  expect(options.qmps).toEqual([{ kind: 'tcp', host: '127.0.0.1', port: 4444, server: true, wait: false }]);
});

test('a word without a dash is the first disk, and -cdrom the third', () => {
  const { drives } = parse('hda.img -cdrom boot.iso');
  expect(drives).toMatchObject([
    { file: 'hda.img', interface: 'ide', index: 0, media: 'disk', readonly: false },
    { file: 'boot.iso', interface: 'ide', index: 2, media: 'cdrom', readonly: true }
  ]);
});

test('a blockdev of a format takes the file below it', () => {
  const { drives } = parse(
    '-blockdev driver=file,node-name=f,filename=a.qcow2 -blockdev \'{"driver":"qcow2","node-name":"d","file":"f"}\''
  );
  expect(drives).toMatchObject([{}, { id: 'd', file: 'a.qcow2', format: 'qcow2' }]);
});

test('a -chardev with mux=on that a serial port and a monitor share is what mon: is', () => {
  const { serials, monitors } = parse('-chardev stdio,id=c,mux=on,signal=off -mon c,mode=readline -serial chardev:c');
  expect(serials).toEqual([{ kind: 'id', id: 'c', mux: true }]);
  expect(monitors).toEqual([]);
});

test('a blockdev may hold its file', () => {
  const { drives } = parse(
    '-blockdev \'{"driver":"raw","node-name":"d","file":{"driver":"file","filename":"a.img"}}\''
  );
  expect(drives).toMatchObject([{ id: 'd', file: 'a.img', format: 'raw' }]);
});

test.each([
  ['-frob', '-frob: invalid option'],
  ['-m', '-m: requires an argument'],
  ['-m 12Q', '-m 12Q: a size from 1M on is wanted, such as 512 or 1G'],
  ['-smp 4', '-smp 4: one CPU is supported'],
  ['-accel kvm', '-accel kvm: invalid accelerator kvm; only tcg is there'],
  ['-drive file=x,if=scsi', '-drive if=scsi is not supported; there are: none, ide, virtio, floppy'],
  ['-drive file=x,frob=1', "-drive: Invalid parameter 'frob'"],
  ['-serial pty', "-serial pty: 'pty' is not supported"],
  ['-qmp tcp:localhost', "-qmp: 'tcp:localhost' is no HOST:PORT"],
  ['-vga cirrus', '-vga cirrus is not supported; there are: std, none'],
  ['-uuid 1', '-uuid 1: failed to parse UUID string: wrong format'],
  ['-__proto__ x', '-__proto__: invalid option'],
  ['-nic tap', '-nic tap: not supported; there is: none, user'],
  ['-nic user,hostfwd=tcp::1-:2', "-nic user: Invalid parameter 'hostfwd'"],
  ['-netdev user,id=n,tftp=x', "-netdev user: Invalid parameter 'tftp'"],
  ['-smp cores=2', '-smp cores=2: one CPU is supported'],
  ['-smp 1,maxcpus=2', '-smp 1,maxcpus=2: one CPU is supported'],
  ['-m 64,slots=2,maxmem=1G', '-m: slots=2 is not supported; there is: 0'],
  ['-m 64,maxmem=1G', '-m 64,maxmem=1G: memory that is plugged in later is not supported'],
  ['-display gtk', '-display gtk is not supported; there is: none'],
  ['-name a,x=1', "-name: Invalid parameter 'x'"],
  ['-accel tcg,x=1', "-accel tcg: Invalid parameter 'x'"],
  ['-drive file=x,index=one', "-drive: Parameter 'index' expects a number up to 255"],
  [
    '-drive file=x,cache=warm',
    '-drive: cache=warm is not supported; there is: none, writeback, unsafe, directsync, writethrough'
  ],
  ['-blockdev driver=raw,node-name=x,offset=1', "-blockdev: Invalid parameter 'offset'"],
  [
    '-object secret,id=s',
    '-object secret: not supported; there are: memory-backend-ram, memory-backend-memfd, memory-backend-file, rng-builtin, rng-random'
  ],
  ['-object rng-builtin', "-object rng-builtin: Parameter 'id' is missing"],
  ['-chardev stdio,id=a,logfile=x', "-chardev stdio: Invalid parameter 'logfile'"],
  ['-chardev pty,id=a', "-chardev pty,id=a: backend 'pty' is not supported"],
  ['-chardev null,id=a -chardev null,id=a', "-chardev null,id=a: Duplicate ID 'a' for chardev"],
  ['-numa node', '-numa node: only one node with memdev= is supported']
])('%s is refused by name', (line, message) => {
  expect(() => parse(line)).toThrow(new OptionError(message));
});
