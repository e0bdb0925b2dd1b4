// Forms: labelled fields with their errors beside them, and one way to submit.

import { asHubError, HubError } from '../sdk/index.js';
import { announce, fill, h } from './dom.js';
import { errorText, sentence } from './format.js';
import { icon } from './icons.js';
import { keep, recall } from './storage.js';

/**
 * @typedef {object} Field
 * @property {string} name
 * @property {string} label
 * @property {HTMLElement} element
 * @property {() => string} value
 * @property {(text: string) => void} fail shows an error; empty takes it away
 * @property {() => string} check the error of the present value, or empty
 * @property {() => void} focus
 */

let lastID = 0;

/**
 * A labelled text input.
 * @param {object} options
 * @param {string} options.name as in the hub's errors
 * @param {string} options.label
 * @param {string} [options.type]
 * @param {string} [options.autocomplete]
 * @param {string} [options.hint]
 * @param {string} [options.value]
 * @param {number} [options.maxlength]
 * @param {boolean} [options.optional]
 * @param {(value: string) => string} [options.check] an error text, or empty
 * @returns {Field}
 */
export function textField(options) {
  const { name, label, type = 'text', autocomplete = 'off', optional = false } = options;
  const id = `field-${++lastID}`;
  const error = h('p', { class: 'field-error', id: `${id}-error` });
  const input = h('input', {
    id, name, type, autocomplete, value: options.value, class: 'input',
    // Never for passwords: a paste would be cut silently.
    maxlength: type === 'password' ? null : options.maxlength ?? 320,
    'aria-describedby': `${id}-error ${id}-hint`, 'aria-required': !optional && 'true',
    autocapitalize: type === 'email' ? 'none' : null, spellcheck: 'false',
    oninput: () => field.fail(''),
  });
  const isSecret = type === 'password';
  const element = h('div', { class: 'field' },
    h('label', { for: id }, label, optional && h('span', { class: 'optional' }, ' (optional)')),
    isSecret ? h('div', { class: 'secret' }, input, revealButton(input)) : input,
    h('p', { class: 'field-hint', id: `${id}-hint` }, options.hint ?? ''), error);
  /** @type {Field} */
  const field = {
    name, label, element,
    value: () => (isSecret ? input.value : input.value.trim()),
    fail: (text) => {
      fill(error, text && icon('alert'), text);
      input.setAttribute('aria-invalid', String(text !== ''));
    },
    check: () => {
      const present = field.value();
      if (present === '') return optional ? '' : `${label} is needed.`;
      return options.check?.(present) ?? '';
    },
    focus: () => input.focus(),
  };
  return field;
}

/** @param {HTMLInputElement} input @returns {HTMLElement} */
function revealButton(input) {
  const button = h('button', {
    type: 'button', class: 'reveal', 'aria-pressed': 'false', 'aria-label': 'Show password',
    onclick: () => {
      const isShown = input.type === 'text';
      input.type = isShown ? 'password' : 'text';
      button.setAttribute('aria-pressed', String(!isShown));
      button.textContent = isShown ? 'Show' : 'Hide';
    },
  }, 'Show');
  return button;
}

/** @param {{label: string, checked?: boolean, hint?: string}} options */
export function checkBox({ label, checked = false, hint }) {
  const input = h('input', { type: 'checkbox', checked });
  const element = h('label', { class: 'check' }, input,
    h('span', {}, label, hint && h('span', { class: 'field-hint' }, hint)));
  return { element, isChecked: () => input.checked };
}

/**
 * Whether the sign-in outlives the day; begins as it was chosen the last time on this device.
 */
export function rememberBox() {
  const box = checkBox({
    label: 'Keep me signed in on this device', checked: recall('hub.remember') !== 'no',
    hint: 'For 30 days; otherwise for a day.',
  });
  return {
    element: box.element,
    isChecked: () => {
      keep('hub.remember', box.isChecked() ? null : 'no');
      return box.isChecked();
    },
  };
}

/** @param {string} value @returns {string} */
export function emailError(value) {
  return /^[^\s@]+@[^\s@]+$/u.test(value) ? '' : 'This is not an e-mail address.';
}

/** @param {string} value @returns {string} */
export function newPasswordError(value) {
  return [...value].length >= 8 ? '' : 'Use at least 8 characters.';
}

/**
 * A form that checks its fields, submits once at a time and shows what went wrong.
 * @param {object} options
 * @param {() => Field[]} options.fields those that count at this moment
 * @param {HTMLElement[]} options.content
 * @param {string} options.action the submit button's text
 * @param {() => Promise<void>} options.submit rejects with a HubError
 * @param {HTMLElement | null} [options.cancel]
 * @param {(error: HubError) => boolean} [options.explain] says it in its own way; true: it has
 * @returns {HTMLFormElement & {clear: () => void}} clear: takes the error away
 */
export function makeForm({ fields, content, action, submit, cancel, explain }) {
  const problem = h('p', { class: 'form-error', role: 'alert' });
  const button = h('button', { type: 'submit', class: 'button primary' }, action);
  let isBusy = false;
  const run = async () => {
    if (isBusy) return;
    fill(problem);
    const failed = fields().filter((field) => {
      const text = field.check();
      field.fail(text);
      return text !== '';
    });
    if (failed.length > 0) {
      failed[0].focus();
      return;
    }
    isBusy = true;
    button.setAttribute('aria-busy', 'true');
    try {
      await submit();
    } catch (error) {
      const failure = asHubError(error);
      if (!explain?.(failure)) showError(failure, fields(), problem);
    } finally {
      isBusy = false;
      button.removeAttribute('aria-busy');
    }
  };
  const form = h('form', {
    novalidate: true,
    onsubmit: (/** @type {Event} */ event) => {
      event.preventDefault();
      void run();
    },
  }, ...content, problem, h('div', { class: 'form-actions' }, cancel, button));
  return Object.assign(form, { clear: () => fill(problem) });
}

/** @param {HubError} error @param {Field[]} fields @param {HTMLElement} problem */
function showError(error, fields, problem) {
  const named = error.details.find(({ name }) => name === 'field')?.value;
  const field = fields.find(({ name }) => name === named);
  if (field) {
    // The hub says "name: must be so"; a person reads the label that stands at the field.
    const text = sentence(error.message.startsWith(`${field.name}: `)
      ? `${field.label}${error.message.slice(field.name.length + 1)}` : error.message);
    field.fail(text);
    field.focus();
    announce(text);
  } else {
    fill(problem, icon('alert'), errorText(error));
    if (error.slug === 'bad_credentials') fields.find(({ name }) => name === 'password')?.focus();
  }
}
