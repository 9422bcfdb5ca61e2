// The invoice agent, in the MCP revision of 2025-11-25: may write one folder and run two prepared queries, and tries more. Its last call
// waits at the ledger until someone takes its authority back.
import { call, connect, step } from './agent.mjs';

const [docs, summary, audit] = process.argv.slice(2);
const files = await connect('files');
const ledger = await connect('ledger');

await step('list', () => call(files, 'list_directory', { path: `${docs}/invoices` }));
await step('write', () => call(files, 'write_file', { path: `${docs}/invoices/2026-118.md`, content: 'Invoice 118, Acme, 420 EUR\n' }));
await step('elsewhere', () => call(files, 'write_file', { path: `${docs}/contracts/acme.md`, content: 'Price: 1 EUR' }));
await step('script', () => call(files, 'write_file', { path: `${docs}/invoices/pay.sh`, content: 'echo paid' }));
await step('query', () => call(ledger, 'query', { sql: summary }));
await step('book', () => call(ledger, 'create_record', { table: 'invoices', data: { number: '2026-118', supplier: 'Acme', amount: 420 } }));
await step('drop', () => call(ledger, 'query', { sql: 'DELETE FROM invoices' }));
console.log(JSON.stringify({ step: 'waiting', ok: true }));
await step('audit', () => call(ledger, 'query', { sql: audit }));
