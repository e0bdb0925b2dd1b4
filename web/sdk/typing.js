// Who types where: others as the hub says it, until it runs out; ourselves without repeating too
// often.

/** "Typing" is shown this long unless repeated; the hub's own rule. */
const shownMs = 6_000;
/** Own typing is repeated this often while it lasts. */
const repeatMs = 3_000;

export class Typing {
  /**
   * Channel to account to timer.
   * @type {Map<string, Map<string, any>>}
   */
  #others = new Map();
  /** @type {{channel: string, sinceMs: number} | null} */
  #own = null;

  /**
   * @param {import('./client.js').HubClient} client
   * @param {(channel: string) => void} onChange
   */
  constructor(client, onChange) {
    this.client = client;
    this.onChange = onChange;
  }

  /** @param {string} channel @returns {string[]} accounts, in order of beginning */
  others(channel) {
    return [...(this.#others.get(channel)?.keys() ?? [])];
  }

  /**
   * Somebody else types, or has ended.
   * @param {string} channel
   * @param {string} account
   * @param {boolean} active
   */
  changed(channel, account, active) {
    const { environment } = this.client;
    const accounts = this.#others.get(channel) ?? new Map();
    if (!active && !accounts.has(account)) return;
    environment.cancel(accounts.get(account));
    if (active) {
      const expire = () => this.changed(channel, account, false);
      accounts.set(account, environment.after(expire, shownMs));
    } else {
      accounts.delete(account);
    }
    if (accounts.size > 0) this.#others.set(channel, accounts);
    else this.#others.delete(channel);
    this.onChange(channel);
  }

  /**
   * Call at every keystroke, and with `active` false when the text is gone.
   * @param {string} channel
   * @param {boolean} active
   */
  own(channel, active) {
    const now = this.client.environment.monotonic();
    const isSaid = this.#own?.channel === channel
      && (!active || now - this.#own.sinceMs < repeatMs);
    if (active === isSaid) return;
    this.#own = active ? { channel, sinceMs: now } : null;
    this.client.request('typing', { channel, active }).catch(() => {});
  }

  /** Nothing is known without a connection. */
  clear() {
    this.#own = null;
    for (const [channel, accounts] of [...this.#others]) {
      for (const account of [...accounts.keys()]) this.changed(channel, account, false);
    }
  }
}
