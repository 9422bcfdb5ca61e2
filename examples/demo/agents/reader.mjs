// The read-only assistant, in the MCP revision of 2026-07-28: reads, tries what its task does not cover, says that it is done.
import { readFile } from 'node:fs/promises';
import { call, connect, step } from './agent.mjs';

const docs = process.argv[2];
const files = await connect('files', { mode: { pin: '2026-07-28' } });

await step('tools', async () => (await files.listTools()).tools.map((tool) => tool.name));
await step('list', () => call(files, 'list_directory', { path: `${docs}/contracts` }));
await step('read', () => call(files, 'read_text_file', { path: `${docs}/contracts/acme.md` }));
await step('write', () => call(files, 'write_file', { path: `${docs}/contracts/acme.md`, content: 'Price: 1 EUR' }));
await step('traversal', () => call(files, 'read_text_file', { path: `${docs}/contracts/../../payroll/salaries.txt` }));
await step('symlink', () => call(files, 'read_text_file', { path: `${docs}/contracts/shortcut/salaries.txt` }));
await step('around', () => readFile(`${docs}/contracts/acme.md`, 'utf8')); // past Writ: the file itself
await step('complete', async () => (await fetch(`${process.env.WRIT_ENDPOINT}/complete`, { method: 'POST' })).json());
await step('after', () => call(files, 'read_text_file', { path: `${docs}/contracts/acme.md` }));
