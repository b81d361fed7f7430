/** Work in lines becomes work under way: so much at once, so much of one line, and the lines in turn. */

interface Line {
  name: string;
  first: Place | undefined;
  last: Place | undefined;
  running: number;
}

interface Place {
  work: () => Promise<void>;
  next: Place | undefined;
}

/** A thousand questions to one blocklist, or one that does not answer, do not hold up another. */
export class Turns {
  running = 0;
  waiting = 0;
  readonly #limit: number;
  readonly #perLine: number;
  readonly #lines = new Map<string, Line>();
  /** Lines whose first may go, in the order of their turns. */
  readonly #ready = new Set<Line>();

  /** What has come in by one turn of the event loop goes out together: less than half the system calls wake the server up. */
  #soon: NodeJS.Immediate | undefined;

  constructor(limit: number, perLine: number) {
    this.#limit = limit;
    this.#perLine = perLine;
  }

  /** `work` never rejects. */
  add(name: string, work: () => Promise<void>): void {
    let line = this.#lines.get(name);
    if (!line) {
      line = { name, first: undefined, last: undefined, running: 0 };
      this.#lines.set(name, line);
    }
    const place: Place = { work, next: undefined };
    if (line.last) line.last.next = place;
    else line.first = place;
    line.last = place;
    this.waiting++;
    this.#queue(line);
    this.#fill();
  }

  #queue(line: Line): void {
    if (line.first && line.running < this.#perLine) this.#ready.add(line);
  }

  #fill(): void {
    // Those that are put back come round again within this loop.
    for (const line of this.#ready) {
      if (this.running >= this.#limit) return;
      this.#ready.delete(line);
      this.#start(line);
      this.#queue(line);
    }
  }

  #start(line: Line): void {
    const { work, next } = line.first!;
    line.first = next;
    if (!next) line.last = undefined;
    this.waiting--;
    this.running++;
    line.running++;
    void work().then(() => {
      this.running--;
      line.running--;
      if (!line.first && line.running === 0) this.#lines.delete(line.name);
      this.#queue(line);
      this.#soon ??= setImmediate(() => {
        this.#soon = undefined;
        this.#fill();
      });
    });
  }
}
