// The line above everything that says when there is no connection, and until when.

import { fill, h } from '../dom.js';
import { icon } from '../icons.js';

/** Shorter interruptions are nobody's business. */
const patienceMs = 1_200;

/** @param {import('./chat.js').Chat} chat */
export function makeBanner({ client }) {
  const text = h('span', { role: 'status' });
  const countdown = h('span', { class: 'banner-count' });
  const retry = h('button', {
    type: 'button', class: 'link-button', onclick: () => client.retryNow(),
  }, 'Try now');
  const element = h('div', { class: 'banner', hidden: true },
    icon('alert'), text, countdown, retry);
  /** @type {number | null} */
  let lostAt = null;
  let wasReady = false;
  let said = '';

  function draw() {
    const { state } = client;
    if (state.name === 'ready' || state.name === 'stopped') {
      lostAt = null;
      wasReady = true;
      element.hidden = true;
      return;
    }
    const now = client.environment.monotonic();
    lostAt ??= now;
    element.hidden = now - lostAt < patienceMs && (wasReady || state.name !== 'waiting');
    retry.hidden = state.name !== 'waiting';
    say(lossText());
    const seconds = Math.ceil(client.retryInMs / 1000);
    fill(countdown, state.name === 'connecting' ? 'Connecting…'
      : seconds > 0 ? `Next try in ${seconds} s` : '');
  }

  /**
   * Only changes are set, so that they are read out once.
   * @param {string} next
   */
  function say(next) {
    if (next === said) return;
    said = next;
    fill(text, next);
  }

  /** @returns {string} */
  function lossText() {
    const waiting = client.outbox.pendingCount;
    const kept = waiting === 0 ? ''
      : waiting === 1 ? ' One message is kept and will be sent.'
        : ` ${waiting} messages are kept and will be sent.`;
    const isOnline = client.environment.isOnline();
    return `${isOnline ? 'No connection to the hub.' : 'You are offline.'}${kept}`;
  }

  const end = client.on('state', draw);
  const timer = setInterval(draw, 500);
  return {
    element,
    close: () => {
      end();
      clearInterval(timer);
    },
  };
}
