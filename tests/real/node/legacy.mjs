// A server of the older era alone, made with version 1 of the official SDK: its list comes in pages, and its tools ask the client back.
// `node legacy.mjs` speaks lines, `node legacy.mjs http PORT` streamable HTTP.
import http from 'node:http';
import { randomUUID } from 'node:crypto';
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import * as t from '@modelcontextprotocol/sdk/types.js';

const schema = properties => ({ type: 'object', properties, required: Object.keys(properties) });
const tools = {
  ask_sampling: [{}, extra => extra.sendRequest({ method: 'sampling/createMessage', params: { maxTokens: 9, messages: [{ role: 'user', content: { type: 'text', text: 'hello' } }] } }, t.CreateMessageResultSchema)],
  ask_elicit: [{}, extra => extra.sendRequest({ method: 'elicitation/create', params: { message: 'Which colour?', requestedSchema: { type: 'object', properties: { color: { type: 'string' } } } } }, t.ElicitResultSchema)],
  ask_roots: [{}, extra => extra.sendRequest({ method: 'roots/list' }, t.ListRootsResultSchema)],
  say: [{ text: { type: 'string' } }, async (extra, args) => {
    await extra.sendNotification({ method: 'notifications/message', params: { level: 'error', logger: 'legacy', data: args.text } });
    return { said: args.text };
  }],
  meta: [{}, async extra => extra._meta ?? {}],
  level: [{}, async () => ({ level })],
  wait: [{ ms: { type: 'integer' } }, (extra, args) => new Promise(resolve => {
    const timer = setTimeout(() => resolve({ waited: args.ms }), args.ms);
    extra.signal.addEventListener('abort', () => { cancelled++; clearTimeout(timer); resolve({}); });
  })],
  cancelled: [{}, async () => ({ cancelled })],
};
let cancelled = 0, level = '(never set)';

function make() {
  const server = new Server({ name: 'legacy', version: '1.0.0' }, { capabilities: { tools: {}, logging: {}, resources: {}, prompts: {} } });
  const names = Object.keys(tools), page = 3;
  server.setRequestHandler(t.ListToolsRequestSchema, async r => {
    const from = Number(r.params?.cursor ?? 0), to = from + page;
    return { tools: names.slice(from, to).map(name => ({ name, description: 'The tool ' + name, inputSchema: schema(tools[name][0]) })),
      ...(to < names.length && { nextCursor: String(to) }) };
  });
  server.setRequestHandler(t.CallToolRequestSchema, async (r, extra) => {
    const result = await tools[r.params.name][1](extra, r.params.arguments);
    return { content: [{ type: 'text', text: JSON.stringify(result) }], _meta: { 'example.com/answered': true } };
  });
  server.setRequestHandler(t.SetLevelRequestSchema, async r => { level = r.params.level; return {}; });
  server.setRequestHandler(t.ListResourcesRequestSchema, async () => ({ resources: [{ uri: 'note://old', name: 'old' }] }));
  server.setRequestHandler(t.ReadResourceRequestSchema, async r => ({ contents: [{ uri: r.params.uri, text: 'an old note' }] }));
  server.setRequestHandler(t.ListPromptsRequestSchema, async () => ({ prompts: [{ name: 'greet' }] }));
  server.setRequestHandler(t.GetPromptRequestSchema, async () => ({ messages: [{ role: 'user', content: { type: 'text', text: 'Good day' } }] }));
  return server;
}

const sessions = new Map();
async function serve(req, res) {
  let transport = sessions.get(req.headers['mcp-session-id']);
  if (!transport) {
    transport = new StreamableHTTPServerTransport({ sessionIdGenerator: randomUUID, onsessioninitialized: id => sessions.set(id, transport) });
    await make().connect(transport);
  }
  await transport.handleRequest(req, res);
}

if (process.argv[2] === 'http') http.createServer(serve).listen(Number(process.argv[3]), '127.0.0.1');
else await make().connect(new StdioServerTransport());
