/** Notes on places, kept in this browser per file content, so that they are there when the file is opened again. */
import type { DBSchema, IDBPDatabase } from 'idb';
import { messageOf } from '../format.ts';
import type { Selection } from '../selection.svelte.ts';
import { readSelection, selectionText } from '../url-state.ts';

export interface Note {
  readonly id: number;
  /** `fingerprint()` of the file. */
  readonly print: string;
  /** `selectionText()` of the place, as links have it. */
  readonly place: string;
  /** What the place was called when the note was made. */
  readonly title: string;
  readonly text: string;
  /** ms since the epoch. */
  readonly made: number;
}

interface Schema extends DBSchema {
  notes: { key: number; value: Omit<Note, 'id'> & { id?: number }; indexes: { print: string } };
}

/** IndexedDB is opened when a first note is wanted; its library is fetched then too. */
async function openDatabase(): Promise<IDBPDatabase<Schema>> {
  const { openDB } = await import('idb');
  return openDB<Schema>('migrascope', 1, {
    upgrade(db) {
      db.createObjectStore('notes', { keyPath: 'id', autoIncrement: true }).createIndex('print', 'print');
    }
  });
}

export class Notebook {
  /** Of the file that is open, in the order made. */
  notes = $state.raw<readonly Note[]>([]);
  error = $state<string>();
  #database: Promise<IDBPDatabase<Schema>> | undefined;
  #print: string | undefined;

  /** Turns to the notes of a file. */
  async open(print: string | undefined): Promise<void> {
    this.#print = print;
    if (print === undefined) {
      this.notes = [];
      return;
    }
    await this.#try(async (db) => {
      const notes = (await db.getAllFromIndex('notes', 'print', print)) as Note[];
      if (this.#print === print) this.notes = notes;
    });
  }

  async add(place: Selection, title: string, text: string): Promise<void> {
    const print = this.#print;
    if (print === undefined) return;
    const note = { print, place: selectionText(place), title, text, made: Date.now() };
    await this.#try(async (db) => {
      const id = await db.add('notes', note);
      this.notes = [...this.notes, { ...note, id }];
    });
  }

  async change(note: Note, text: string): Promise<void> {
    await this.#try(async (db) => {
      await db.put('notes', { ...note, text });
      this.notes = this.notes.map((n) => (n.id === note.id ? { ...n, text } : n));
    });
  }

  async remove(note: Note): Promise<void> {
    await this.#try(async (db) => {
      await db.delete('notes', note.id);
      this.notes = this.notes.filter((n) => n.id !== note.id);
    });
  }

  /** Private windows and full disks refuse: said, not thrown. */
  async #try(work: (db: IDBPDatabase<Schema>) => Promise<void>): Promise<void> {
    try {
      await work(await (this.#database ??= openDatabase()));
      this.error = undefined;
    } catch (error) {
      this.#database = undefined;
      this.error = `This browser does not keep notes: ${messageOf(error)}`;
    }
  }
}

export const placeOf = (note: Note): Selection => readSelection(note.place);
