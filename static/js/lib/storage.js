// What stays in this browser: drafts, the outbox, the theme. Storage may be forbidden or full; then it is
// kept in memory for as long as the page lives.

const memory = new Map();

export function keep(key, value) {
  memory.set(key, value);
  try {
    if (value === null) localStorage.removeItem(key);
    else localStorage.setItem(key, JSON.stringify(value));
  } catch {
    // The memory has it.
  }
}

export function recall(key) {
  if (memory.has(key)) return memory.get(key);
  try {
    const text = localStorage.getItem(key);
    return text === null ? null : JSON.parse(text);
  } catch {
    return null;
  }
}
