// A Socket (environment.js) for networks that break WebSockets: one answer that does not end is read
// as Server-Sent Events, commands go as requests of their own. docs/protocol.md, section 16, has the
// bytes. EventSource is not used: it can neither send the token in a body nor read the key.

/** @typedef {import('./environment.js').Socket} Socket */

/** What one request takes; what was sent meanwhile goes with the next one. */
const framesMax = 64;
const charactersMax = 32_768;

/**
 * The address of the streams beside that of the WebSockets.
 * @param {string} url ws: or wss: address
 * @returns {string}
 */
export function streamURL(url) {
  return new URL('stream', url.replace(/^ws/, 'http')).href;
}

/** @implements {Socket} */
export class EventStreamSocket {
  /** @type {(() => void) | null} */
  onopen = null;
  /** @type {((event: {data: any}) => void) | null} */
  onmessage = null;
  /** @type {((event: {code: number, reason: string}) => void) | null} */
  onclose = null;
  /** @type {string[]} Frames to be sent. */
  #queue = [];
  /** The hub asked for a sign of life. */
  #isAsked = false;
  #isSending = false;
  /** Given by the hub when the stream opened. */
  #key = '';
  #abort = new AbortController();

  /**
   * @param {import('./environment.js').Environment} environment
   * @param {string} url of the hub's streams
   */
  constructor(environment, url) {
    this.environment = environment;
    this.url = url;
    // For balancers in front of several hubs: all requests of one stream belong to one of them.
    this.affinity = environment.uniqueKey();
    queueMicrotask(() => void this.#run());
  }

  /** @param {string} text */
  send(text) {
    this.#queue.push(text);
    void this.#sendMore();
  }

  /** Ends without a word: the hub sees the stream break. */
  close() {
    this.#abort.abort();
  }

  async #run() {
    // Nothing is open yet, but what is sent now, the hello, goes with the request that opens.
    this.onopen?.();
    try {
      const response = await this.#request(this.url, {});
      this.#key = response.headers.get('hub-stream') ?? '';
      void this.#sendMore();
      await this.#read(/** @type {ReadableStream<Uint8Array>} */ (response.body));
    } catch {
      // Why does not matter: the client comes back.
    }
    this.#end();
  }

  /** @param {ReadableStream<Uint8Array>} body */
  async #read(body) {
    const reader = body.getReader();
    const decoder = new TextDecoder();
    let rest = '';
    for (;;) {
      const { done, value } = await reader.read();
      if (done || this.#abort.signal.aborted) return;
      const lines = (rest + decoder.decode(value, { stream: true })).split('\n');
      rest = /** @type {string} */ (lines.pop());
      for (const line of lines) {
        if (line.startsWith('data: ')) this.onmessage?.({ data: line.slice(6) });
        else if (line.startsWith(':')) this.#answer();
      }
    }
  }

  #answer() {
    this.#isAsked = true;
    void this.#sendMore();
  }

  /** One request at a time, so that commands arrive in order. */
  async #sendMore() {
    if (this.#isSending || this.#key === '') return;
    this.#isSending = true;
    try {
      while (this.#queue.length > 0 || this.#isAsked) {
        this.#isAsked = false;
        await this.#request(`${this.url}/commands`, { 'hub-stream': this.#key });
      }
    } catch {
      this.#end();
    }
    this.#isSending = false;
  }

  /**
   * @param {string} url
   * @param {Record<string, string>} headers
   * @returns {Promise<Response>}
   */
  async #request(url, headers) {
    const response = await this.environment.fetch(url, {
      method: 'POST', body: this.#take(), cache: 'no-store', redirect: 'error',
      signal: this.#abort.signal,
      headers: { ...headers, 'content-type': 'application/x-ndjson', 'hub-affinity': this.affinity },
    });
    if (!response.ok) throw new Error(`the hub answered ${response.status}`);
    return response;
  }

  /** The frames for one request; none: a sign of life. */
  #take() {
    let count = 0;
    let characters = 0;
    while (count < Math.min(this.#queue.length, framesMax)) {
      characters += this.#queue[count].length;
      if (count > 0 && characters > charactersMax) break;
      count += 1;
    }
    return this.#queue.splice(0, count).join('\n');
  }

  #end() {
    this.#abort.abort();
    const { onclose } = this;
    this.onclose = null;
    onclose?.({ code: 1006, reason: '' });
  }
}
