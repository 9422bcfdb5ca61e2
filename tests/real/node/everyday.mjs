// What a person's client does: reads servers as its configuration has them, starts or reaches each, lists and calls. `node everyday.mjs PLAN.json`, with
//   { "servers": { NAME: { command, args, env, cwd } or { url, headers } }, "calls": [[NAME, tool, arguments], …] }
// Prints one JSON object: tools of each server, and the result of each call in its order ("hold": waits for a line on standard input before it leaves).
import fs from 'node:fs';
import readline from 'node:readline';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';

const plan = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const clients = {}, out = { tools: {}, results: [] };
const TIMEOUT = { timeout: 180000 };

for (const [name, s] of Object.entries(plan.servers)) {
  const transport = s.url
    ? new StreamableHTTPClientTransport(new URL(s.url), { requestInit: { headers: s.headers ?? {} } })
    : new StdioClientTransport({ command: s.command, args: s.args ?? [], env: { ...process.env, ...s.env }, cwd: s.cwd, stderr: 'inherit' });
  clients[name] = new Client({ name: 'everyday', version: '1' });
  try {
    await clients[name].connect(transport, TIMEOUT);
    out.tools[name] = (await clients[name].listTools({}, TIMEOUT)).tools;
  } catch (e) {
    out.tools[name] = { error: String(e.message) };
  }
}
for (const [name, tool, args] of plan.calls) {
  try {
    out.results.push(await clients[name].callTool({ name: tool, arguments: args }, undefined, TIMEOUT));
  } catch (e) {
    out.results.push({ error: String(e.message), data: e.data });
  }
}
console.log(JSON.stringify(out));
if (plan.hold) await new Promise(r => readline.createInterface({ input: process.stdin }).once('line', r).once('close', r));
for (const c of Object.values(clients)) await c.close().catch(() => {});
process.exit(0);
