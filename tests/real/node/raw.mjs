// A server without an SDK: the tool `raw` gives back the params of its call exactly as the line had them, and adds members of its own that
// no revision knows. `node raw.mjs legacy` or `node raw.mjs modern`.
import readline from 'node:readline';

const modern = process.argv[2] === 'modern';
const say = m => process.stdout.write(JSON.stringify({ jsonrpc: '2.0', ...m }) + '\n');
const tool = { name: 'raw', description: 'Gives back what it was asked', inputSchema: { type: 'object', properties: { n: { type: 'number', default: 7 }, s: { type: 'string' } } }, 'example.com/tool': 1 };
const era = modern ? { resultType: 'complete', ttlMs: 60000, cacheScope: 'public' } : {};
const replies = {
  'tools/list': () => ({ tools: [tool], ...era, 'example.com/list': 2 }),
  'tools/call': (r, line) => ({ content: [{ type: 'text', text: line, 'example.com/item': 3 }], ...(modern && { resultType: 'complete' }),
    'example.com/result': { deep: [1, 2.50, 'x'] }, _meta: { 'example.com/meta': 'kept' } }),
  ...(modern
    ? { 'server/discover': () => ({ supportedVersions: ['2026-07-28'], capabilities: { tools: {} }, ...era, _meta: { 'io.modelcontextprotocol/serverInfo': { name: 'raw', version: '1' } } }) }
    : { initialize: r => ({ protocolVersion: r.params.protocolVersion, capabilities: { tools: {} }, serverInfo: { name: 'raw', version: '1' }, instructions: 'Be raw' }) }),
};

readline.createInterface({ input: process.stdin }).on('line', line => {
  const r = JSON.parse(line);
  if (r.id === undefined) return;
  const reply = replies[r.method];
  say(reply ? { id: r.id, result: reply(r, line) } : { id: r.id, error: { code: -32601, message: 'unknown method', data: { 'example.com/e': r.method } } });
});
