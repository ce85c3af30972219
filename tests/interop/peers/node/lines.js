'use strict';

// The line discipline of every peer: READY first, then a JSON line in and a JSON line out, and an end
// when standard input ends. Whatever the libraries log goes to standard error.

const readline = require('readline');

console.log = console.info = console.debug = console.error;

exports.logger = { info() {}, debug() {}, warn: console.error, error: console.error, write() {} };

exports.serve = (port, commands) => {
  process.stdout.write(`READY ${port}\n`);
  const input = readline.createInterface({ input: process.stdin });
  let turn = Promise.resolve();
  input.on('line', line => {
    turn = turn.then(() => answer(commands, line)).then(result => process.stdout.write(JSON.stringify(result) + '\n'));
  });
  input.on('close', () => process.exit(0));
};

async function answer(commands, line) {
  try {
    const args = JSON.parse(line);
    if (!commands[args.cmd]) throw new Error(`no such command: ${line}`);
    return await commands[args.cmd](args);
  } catch (error) {
    return { ok: false, error: error.name, message: String(error.message) };
  }
}
