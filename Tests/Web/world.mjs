// A world for the SDK's tests: a clock that moves only when told, sockets whose other end is the test,
// random numbers that are given. No real time passes.

import { HubClient } from '../../web/sdk/index.js';

export class World {
  /** Of the clock that nobody sets; only time moves it. */
  nowMs = 1_000_000;
  /** By how much the clock that people see differs from it; a test may set it at any moment. */
  steppedMs = 0;
  sockets = [];
  timers = [];
  tokens = 0;
  tokenLifeMs = 900_000;
  tokenErrors = [];
  kept = new Map();
  randomValue = 0.5;
  #signal = () => {};
  #key = 0;

  environment = {
    now: () => this.nowMs + this.steppedMs,
    monotonic: () => this.nowMs,
    random: () => this.randomValue,
    uniqueKey: () => `key-${++this.#key}`,
    after: (run, milliseconds) => {
      const timer = { run, atMs: this.nowMs + milliseconds };
      this.timers.push(timer);
      return timer;
    },
    cancel: (timer) => {
      this.timers = this.timers.filter((other) => other !== timer);
    },
    openSocket: (url, subprotocol) => {
      const socket = new FakeSocket(url, subprotocol);
      this.sockets.push(socket);
      return socket;
    },
    fetch: () => Promise.reject(new Error('no HTTP here')),
    listen: (listener) => {
      this.#signal = listener;
      return () => void (this.#signal = () => {});
    },
    isOnline: () => true,
    recall: (name) => this.kept.get(name) ?? null,
    keep: (name, value) => void (value === null ? this.kept.delete(name) : this.kept.set(name, value)),
  };

  getToken = async () => {
    const error = this.tokenErrors.shift();
    if (error) throw error;
    return { token: `token-${++this.tokens}`, expiresAtMs: this.nowMs + this.tokenLifeMs };
  };

  get socket() {
    return this.sockets.at(-1);
  }

  signal(name) {
    this.#signal(name);
  }

  /** A started client. */
  async client(options = {}) {
    const client = new HubClient({
      url: 'ws://hub/ws', getToken: this.getToken, environment: this.environment, ...options,
    });
    client.states = [];
    client.on('state', (state) => client.states.push(state.name));
    client.start();
    await this.settle();
    return client;
  }

  /** A client that is ready. */
  async ready(options = {}) {
    const client = await this.client(options);
    await this.welcome();
    return client;
  }

  /** Opens the newest socket and answers its hello. */
  async welcome(more = {}) {
    this.socket.open();
    await this.settle();
    await this.reply('hello', { welcome: {
      session: 's', account: 'me', organisation: 'o', role: 'MEMBER', heartbeat_ms: 25_000,
      token_expires_at_ms: String(this.nowMs + this.tokenLifeMs), server_time_ms: String(this.nowMs),
      limits: { text_bytes_max: 100, commands_in_flight_max: 128 }, ...more,
    } });
  }

  /** Answers the oldest unanswered command of that name and returns its body. */
  async reply(name, answer) {
    const { id, body } = this.socket.take(name);
    this.socket.receive({ id, ...answer });
    await this.settle();
    return body;
  }

  async push(...frames) {
    this.socket.receive(...frames);
    await this.settle();
  }

  async lose(code = 1006) {
    this.socket.lose(code);
    await this.settle();
  }

  /** Lets what is due happen, in order of time. */
  async advance(milliseconds) {
    const endMs = this.nowMs + milliseconds;
    await this.settle();
    for (;;) {
      const [next] = this.timers.filter(({ atMs }) => atMs <= endMs).sort((a, b) => a.atMs - b.atMs);
      if (!next) break;
      this.environment.cancel(next);
      this.nowMs = Math.max(this.nowMs, next.atMs);
      next.run();
      await this.settle();
    }
    this.nowMs = endMs;
  }

  /** The same, with the hub answering the heartbeats. */
  async quiet(milliseconds) {
    const endMs = this.nowMs + milliseconds;
    while (this.nowMs < endMs) {
      await this.advance(Math.min(1_000, endMs - this.nowMs));
      while (this.socket.has('ping')) await this.reply('ping', { pong: {} });
    }
  }

  /** The same over a stream. */
  async advanceAnswering(streams, milliseconds) {
    const endMs = this.nowMs + milliseconds;
    while (this.nowMs < endMs) {
      await this.advance(Math.min(1_000, endMs - this.nowMs));
      while (streams.requests.length > 0) {
        for (const { id, ping } of await streams.commands()) {
          if (ping) await streams.push({ id, pong: {} });
        }
      }
    }
  }

  /** All promises that can settle have settled. */
  settle() {
    return new Promise((resolve) => setImmediate(resolve));
  }
}

class FakeSocket {
  commands = [];
  onopen = null;
  onmessage = null;
  onclose = null;
  isClosed = false;

  constructor(url, subprotocol) {
    this.url = url;
    this.subprotocol = subprotocol;
  }

  send(text) {
    const { id, ...rest } = JSON.parse(text);
    const [[name, body]] = Object.entries(rest);
    this.commands.push({ id, name, body });
  }

  close() {
    this.isClosed = true;
  }

  open() {
    this.onopen?.();
  }

  receive(...frames) {
    this.onmessage?.({ data: frames.map((frame) => JSON.stringify(frame)).join('\n') });
  }

  lose(code) {
    this.onclose?.({ code, reason: '' });
  }

  /** The oldest unanswered command of that name. */
  take(name) {
    const at = this.commands.findIndex((command) => command.name === name);
    if (at < 0) throw new Error(`no ${name} among ${this.commands.map((command) => command.name)}`);
    return this.commands.splice(at, 1)[0];
  }

  has(name) {
    return this.commands.some((command) => command.name === name);
  }
}

export const epoch = '18446744073709551615';
export const at = (sequence, inEpoch = epoch) => ({ epoch: inEpoch, sequence: String(sequence) });

export function event(sequence, more = {}) {
  return {
    sequence: String(sequence), id: `e${sequence}`, kind: 'MESSAGE', sender: 'other',
    at_ms: String(1_000 + sequence), key: `k${sequence}`, text: `text ${sequence}`, ...more,
  };
}

/** Events from one sequence to another, both included. */
export function events(from, to) {
  return Array.from({ length: Math.max(0, to - from + 1) }, (_, index) => event(from + index));
}

export function eventsPush(from, to, channel = 'c', inEpoch = epoch) {
  return { events: { channel, epoch: inEpoch, events: events(from, to) } };
}

export function subscribed(from, head, more = {}) {
  return { subscribed: { channel: 'c', from: at(from), head: at(head), ...more } };
}

export function historyPage(from, to, more = {}) {
  return { history_page: { channel: 'c', epoch, events: events(from, to), ...more } };
}

export function summary(id, head, more = {}) {
  return { id, kind: 'OPEN', name: id, head: at(head), joined: true, read: String(head), ...more };
}
