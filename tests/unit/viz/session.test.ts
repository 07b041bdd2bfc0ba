import { describe, expect, test } from 'vitest';
import type { Inspector, SectionInfo, SnapshotInfo } from '../../../src/lib/emulator/api.ts';
import type { Placed } from '../../../src/lib/vmstate/vmstate.ts';
import { Session } from '../../../src/lib/viz/session.svelte.ts';

const section = (index: number, fieldCount = 1) =>
  ({
    index,
    start: index * 10,
    end: index * 10 + 10,
    bodyStart: index * 10,
    bodyEnd: index * 10 + 10,
    fieldCount,
    kind: 'full',
    name: 's'
  }) as SectionInfo;
const info = (id: number, sections: number, more: Partial<SnapshotInfo> = {}) =>
  ({
    ...{ id, done: false, cancelled: false, file: { name: 'f' } },
    sections: Array.from({ length: sections }, (_, i) => section(i)),
    problems: [],
    ...more
  }) as unknown as SnapshotInfo;

/** An inspector whose opens are finished by hand. */
function setup() {
  const opens: { progress: (i: SnapshotInfo) => void; finish: (i: SnapshotInfo) => void; fail: (e: Error) => void }[] =
    [];
  const log: string[] = [];
  const fields: Placed[] = [{ name: 'a', type: 'uint32', start: 2, end: 6, value: 1 }];
  const inspector = {
    open: (_: File[], progress: (i: SnapshotInfo) => void) =>
      new Promise<SnapshotInfo>((finish, fail) => opens.push({ progress, finish, fail })),
    cancel: (id: number) => void log.push(`cancel ${id}`),
    close: (id: number) => void log.push(`close ${id}`),
    fields: async (id: number, index: number) => {
      log.push(`fields ${id} ${index}`);
      return fields;
    }
  } as unknown as Inspector;
  return { session: new Session(inspector), opens, log, fields };
}
const file = new File(['x'], 'f');
const settle = () => new Promise((resolve) => setTimeout(resolve));

describe('a session', () => {
  test('keeps what it showed until the new file has something to show', async () => {
    const { session, opens, log } = setup();
    const first = session.open([file]);
    opens[0]!.finish(info(1, 2, { done: true }));
    await first;
    expect(session.info?.id).toBe(1);
    const second = session.open([file]);
    opens[1]!.progress(info(2, 0));
    expect(session.info?.id).toBe(1);
    expect(session.arriving?.id).toBe(2);
    opens[1]!.progress(info(2, 1));
    expect(session.info?.id).toBe(2);
    expect(log).toContain('close 1');
    opens[1]!.finish(info(2, 3, { done: true }));
    await second;
    expect([session.info?.sections.length, session.opening]).toEqual([3, undefined]);
  });

  test('shows a file with nothing in it when it is read, not when it was cancelled', async () => {
    const { session, opens } = setup();
    const first = session.open([file]);
    opens[0]!.finish(info(1, 0, { done: true, cancelled: true }));
    await first;
    expect(session.info).toBeUndefined();
    const second = session.open([file]);
    opens[1]!.finish(info(2, 0, { done: true }));
    await second;
    expect(session.info?.id).toBe(2);
  });

  test('drops an open that another one overtook', async () => {
    const { session, opens, log } = setup();
    const slow = session.open([file]);
    opens[0]!.progress(info(1, 0));
    const fast = session.open([file]);
    expect(log).toEqual(['cancel 1']);
    opens[1]!.finish(info(2, 1, { done: true }));
    await fast;
    opens[0]!.progress(info(1, 5));
    opens[0]!.finish(info(1, 5, { done: true }));
    await slow;
    expect(session.info?.id).toBe(2);
    expect(log).toContain('close 1');
  });

  test('does not go back to a part when word of it comes behind the whole', async () => {
    const { session, opens } = setup();
    const opened = session.open([file]);
    opens[0]!.finish(info(1, 5, { done: true }));
    await opened;
    opens[0]!.progress(info(1, 3));
    expect([session.info?.sections.length, session.arriving]).toEqual([5, undefined]);
  });

  test('says why an open failed, and keeps the file before', async () => {
    const { session, opens } = setup();
    const first = session.open([file]);
    opens[0]!.finish(info(1, 1, { done: true }));
    await first;
    const second = session.open([file]);
    opens[1]!.fail(new Error('no stream'));
    await second;
    expect([session.failure, session.info?.id, session.opening]).toEqual(['no stream', 1, undefined]);
  });

  test('fetches the fields of a section once, and knows what a byte means', async () => {
    const { session, opens, log, fields } = setup();
    const opened = session.open([file]);
    opens[0]!.finish(info(1, 2, { done: true }));
    await opened;
    expect(session.fields(0)).toBeUndefined();
    expect(session.fields(0)).toBeUndefined();
    await settle();
    expect(session.fields(0)).toBe(fields);
    expect(log.filter((l) => l === 'fields 1 0')).toHaveLength(1);
    expect(await session.meaningOf(3)).toEqual({ kind: 'field', section: 0, path: 'a' });
    expect(await session.meaningOf(7)).toEqual({ kind: 'bytes', start: 7, end: 8 });
    expect(session.spanOf({ kind: 'field', section: 0, path: 'a' })).toMatchObject({ start: 2, end: 6 });
    expect(session.spanOf({ kind: 'section', section: 1 })).toMatchObject({ start: 10, end: 20 });
    expect(session.chainAt(3).map((c) => c.path)).toEqual(['a']);
    session.close();
    expect(session.fields(0)).toBeUndefined();
  });
});
