'use strict';

// What the server has seen, by name, so that a test can wait for it instead of sleeping.

const PATIENCE_MS = 10_000;
const seen = new Map();
const waiters = new Set();

exports.saw = (name, value = null) => {
  seen.set(name, [ ...(seen.get(name) || []), value ]);
  for (const look of waiters) look();
};

// Answers when so many of that name were seen; `values` are what came with them.
exports.wait = async ({ name, count = 1 }) => {
  await new Promise((resolve, reject) => {
    const look = () => {
      if ((seen.get(name) || []).length < count) return;
      clearTimeout(timer);
      waiters.delete(look);
      resolve();
    };
    const timer = setTimeout(() => {
      waiters.delete(look);
      reject(new Error(`no ${name} x ${count}; seen: ${[ ...seen.keys() ].join(', ')}`));
    }, PATIENCE_MS);
    waiters.add(look);
    look();
  });
  return { ok: true, values: seen.get(name) };
};

exports.count = ({ name }) => ({ ok: true, count: (seen.get(name) || []).length });
