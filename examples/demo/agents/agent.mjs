// What both agents share: an unmodified official MCP client, pointed at the addresses that `writ run` gives in $WRIT_MCP_CONFIG.
// Each step prints one JSON line: what came back, or why not.
import { readFileSync } from 'node:fs';
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const servers = JSON.parse(readFileSync(process.env.WRIT_MCP_CONFIG, 'utf8')).mcpServers;

export async function connect(destination, versionNegotiation) {
  const client = new Client({ name: 'demo', version: '1' }, { versionNegotiation });
  await client.connect(new StreamableHTTPClientTransport(new URL(servers[destination].url)));
  return client;
}

export async function step(name, work) {
  const say = (what) => console.log(JSON.stringify({ step: name, ...what }));
  try {
    say({ ok: true, got: await work() });
  } catch (error) {
    say({ ok: false, why: error.message, data: error.data ?? null });
  }
}

// A tool that ran and failed is no refusal: it is thrown too, but marked, so that nobody mistakes one for the other.
export async function call(client, name, args) {
  const result = await client.callTool({ name, arguments: args }, { timeout: 60_000 });
  const text = result.content.map((part) => part.text ?? '').join('');
  if (result.isError) throw new Error(`the tool failed: ${text}`);
  return text;
}
