// An unmodified official client, driven by a plan: `node client.mjs PLAN.json`, with
//   { sdk: "v1" | "v2", mode: "legacy" | "modern" | "auto", transport: "http" | "stdio", servers: { NAME: { command, args, steps: […] } } }.
// Over HTTP the addresses come from $WRIT_MCP_CONFIG, as for any agent, or ("all": true) from $WRIT_MCP_ALL_CONFIG. Prints one JSON line: for each server what each step gave.
// Every message that arrives is kept as it came, since the SDKs take members away that the protocol has.
import fs from 'node:fs';

const plan = JSON.parse(fs.readFileSync(process.argv[2], 'utf8'));
const SDK = '@modelcontextprotocol/';
const v1 = plan.sdk === 'v1';
const [{ Client, StreamableHTTPClientTransport: Http2 }, { StdioClientTransport }] = v1
  ? [await import(SDK + 'sdk/client/index.js'), await import(SDK + 'sdk/client/stdio.js')]
  : [await import(SDK + 'client'), await import(SDK + 'client/stdio')];
const Http = Http2 ?? (await import(SDK + 'sdk/client/streamableHttp.js')).StreamableHTTPClientTransport;
const types = v1 ? await import(SDK + 'sdk/types.js') : null;
const sleep = ms => new Promise(r => setTimeout(r, ms));
const modes = { legacy: undefined, auto: { mode: 'auto' }, modern: { mode: { pin: '2026-07-28' } } };

function tap(transport, seen) {
  let handler;
  const wrapped = (message, extra) => { seen.push(message); return handler(message, extra); };
  Object.defineProperty(transport, 'onmessage', { get: () => handler && wrapped, set: h => { handler = h; }, configurable: true });
  return transport;
}

function open(name, server) {
  if (plan.transport === 'http') {
    const config = JSON.parse(fs.readFileSync(plan.all ? process.env.WRIT_MCP_ALL_CONFIG : process.env.WRIT_MCP_CONFIG, 'utf8'));
    return new Http(new URL(config.mcpServers[name].url));
  }
  return new StdioClientTransport({ command: server.command, args: server.args, stderr: 'ignore', cwd: '/' });
}

// What a server may ask a client of the older era.
const answers = {
  'sampling/createMessage': r => ({ role: 'assistant', model: 'a-model', content: { type: 'text', text: 'said to: ' + r.params.messages[0].content.text } }),
  'elicitation/create': r => r.params.mode === 'url' ? { action: 'accept' } : { action: 'accept', content: plan.content ?? { color: 'blue' } },
  'roots/list': () => ({ roots: [{ uri: 'file:///a-root', name: 'a root' }] }),
};

function makeClient() {
  const client = new Client({ name: 'a-client', version: '1.2.3' },
    { capabilities: plan.capabilities ?? { sampling: {}, elicitation: {}, roots: { listChanged: true } }, versionNegotiation: modes[plan.mode] });
  const schemas = v1 && { 'sampling/createMessage': types.CreateMessageRequestSchema, 'elicitation/create': types.ElicitRequestSchema, 'roots/list': types.ListRootsRequestSchema };
  for (const [method, answer] of Object.entries(answers).filter(([m]) => !plan.capabilities || plan.capabilities[m.split('/')[0]]))
    client.setRequestHandler(v1 ? schemas[method] : method, async r => answer(r));
  return client;
}

const steps = {
  list: async c => {
    const names = [];
    for (let page = {}; page; page = page.nextCursor && { cursor: page.nextCursor }) {
      page = await c.listTools(page.cursor && page);
      names.push(...page.tools.map(t => t.name));
    }
    return names;
  },
  // Until all of them are there: on a busy machine a server may take its time to start.
  list_whole: async (c, s) => {
    for (const end = Date.now() + s.ms; ; await sleep(100)) {
      const names = await steps.list(c);
      if (Date.now() > end || s.wanted.every(n => names.includes(n))) return names;
    }
  },
  call: async (c, s) => {
    const options = {}, progress = [];
    if (s.progress) options.onprogress = p => progress.push(p);
    if (s.abort_ms) { const a = new AbortController(); options.signal = a.signal; setTimeout(() => a.abort('no longer wanted'), s.abort_ms); }
    const params = { name: s.name, arguments: s.arguments ?? {}, ...(s.meta && { _meta: s.meta }) };
    const result = await (v1 ? c.callTool(params, undefined, options) : c.callTool(params, options));
    return { ...result, progress };
  },
  resources: async c => (await c.listResources()).resources.map(r => r.uri),
  read: async (c, s) => (await c.readResource({ uri: s.uri })).contents,
  prompts: async c => (await c.listPrompts()).prompts.map(p => p.name),
  prompt: async (c, s) => (await c.getPrompt({ name: s.name, arguments: s.arguments ?? {} })).messages,
  ping: c => c.ping(),
  level: (c, s) => c.setLoggingLevel(s.level),
  wait: (c, s) => sleep(s.ms),
  listen: async c => { const l = await c.listen({ toolsListChanged: true }); await l.close(); return 'listened'; },
  templates: async c => (await c.listResourceTemplates()).resourceTemplates.map(r => r.uriTemplate),
  complete: async (c, s) => (await c.complete({ ref: s.ref, argument: s.argument })).completion.values,
  // What a step of its own brings about is heard of: a subscription in the words of the era, then the call, then the notification.
  hear: async (c, s, seen) => {
    const modern = c.getNegotiatedProtocolVersion?.() === '2026-07-28';
    const from = seen.length;
    const open = modern ? await c.listen(s.filter) : s.filter.resourceSubscriptions && await c.subscribeResource({ uri: s.filter.resourceSubscriptions[0] });
    await steps.call(c, s);
    for (let i = 0; i < 200 && !seen.slice(from).some(m => m.method === s.method); i++) await sleep(50);
    if (modern) await open.close();
    else if (open) await c.unsubscribeResource({ uri: s.filter.resourceSubscriptions[0] });
    return seen.slice(from).filter(m => m.method === s.method).map(m => m.params?.uri ?? null);
  },
  // Whoever reads our stderr changes something; the list that the client hears of is asked for again. The other lists must not be heard of.
  watch: async (c, s, seen) => {
    const modern = c.getNegotiatedProtocolVersion?.() === '2026-07-28', from = seen.length, list = () => c.listPrompts().then(r => r.prompts.map(p => p.name));
    const before = await list();
    const open = modern ? await c.listen({ toolsListChanged: true, promptsListChanged: true, resourcesListChanged: true }) : null;
    console.error('watching');
    const came = () => seen.slice(from).map(m => m.method).filter(m => m?.endsWith('/list_changed'));
    for (let i = 0; i < 1000 && !came().length; i++) await sleep(50);
    const heard = came(), after = await list();
    await open?.close();
    return { before, heard, after };
  },
  // For the tests of revocation: wait until the other side ends it.
  hold: async (c, s) => { console.error('holding'); return steps.call(c, s); },
};

const shown = e => ({ name: e.name, code: e.code ?? null, message: String(e.message ?? e), data: e.data ?? null });

async function visit(name, server) {
  const seen = [], transport = tap(open(name, server), seen), client = makeClient();
  const report = { steps: [] };
  try {
    await client.connect(transport);
    report.server = client.getServerVersion();
    report.version = v1 ? transport.protocolVersion ?? transport._protocolVersion ?? '2025-11-25' : client.getNegotiatedProtocolVersion?.() ?? null;
    for (const s of server.steps) {
      const from = seen.length;
      const result = await steps[s.op](client, s, seen).then(ok => ({ ok: ok ?? null }), e => ({ error: shown(e) }));
      report.steps.push({ op: s.op, name: s.name, ...result, raw: seen.slice(from) });
    }
    await client.close();
  } catch (e) {
    report.failed = shown(e);
  }
  return [name, report];
}

const reports = [];
for (const [name, server] of Object.entries(plan.servers)) reports.push(await visit(name, server));
process.stdout.write(JSON.stringify(Object.fromEntries(reports)) + '\n', () => process.exit(0));
