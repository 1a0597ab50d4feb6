/** Longer than anything that is waited for takes; a test that waits this long has failed. */
const PATIENCE = 90_000;

/** Rejects when the promise takes longer than anything does. */
async function soon<Value>(promise: Promise<Value>, what: () => string): Promise<Value> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`waited in vain: ${what()}`)), PATIENCE);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Things that happen, in order, to be waited for. */
export class Log<Item> {
  readonly items: Item[] = [];
  private waiting: (() => void)[] = [];
  private over?: { error: unknown };

  readonly add = (item: Item): void => {
    this.items.push(item);
    this.wake();
  };

  /** Nothing more will happen: whoever waits for something is told why. */
  end(error: unknown): void {
    this.over = { error };
    this.wake();
  }

  /** Lets whoever waits look again. */
  wake(): void {
    for (const wake of this.waiting.splice(0)) wake();
  }

  get last(): Item | undefined {
    return this.items.at(-1);
  }

  /** Waits until what has happened so far satisfies. */
  async until(satisfied: (items: readonly Item[]) => boolean, what: string): Promise<void> {
    const wait = async () => {
      while (!satisfied(this.items)) {
        if (this.over) throw new Error(`ended: ${JSON.stringify(this.over.error)}`);
        await new Promise<void>((wake) => this.waiting.push(wake));
      }
    };
    await soon(wait(), () => `${what}; last was ${JSON.stringify(this.last)?.slice(0, 500)}`);
  }
}
