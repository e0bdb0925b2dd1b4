// Typed events for the classes of the SDK. A listener that throws does not disturb the others or
// the protocol: its error surfaces on its own, as an uncaught one.

/** @template {Record<string, any>} M The events by name with what each carries. */
export class Emitter {
  /** @type {Map<keyof M, Set<(value: any) => void>>} */
  #listeners = new Map();

  /**
   * Calls `listener` at each event of that name; the returned function ends it.
   * @template {keyof M} K
   * @param {K} name
   * @param {(value: M[K]) => void} listener
   * @returns {() => void}
   */
  on(name, listener) {
    const set = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, set);
    set.add(listener);
    return () => void set.delete(listener);
  }

  /**
   * @protected
   * @template {keyof M} K
   * @param {K} name
   * @param {M[K]} value
   */
  emit(name, value) {
    for (const listener of [...(this.#listeners.get(name) ?? [])]) {
      try {
        listener(value);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
