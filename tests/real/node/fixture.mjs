// A server made with the official SDK, for both eras: `node fixture.mjs` speaks lines, `node fixture.mjs http PORT` streamable HTTP.
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import http from 'node:http';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { toNodeHandler } from '@modelcontextprotocol/node';
import * as z from 'zod';

let cancelled = 0;
const text = t => ({ content: [{ type: 'text', text: String(t) }] });

function factory() {
  const server = new McpServer({ name: 'fixture', version: '1.0.0' }, { capabilities: { tools: { listChanged: true }, logging: {} } });
  server.registerTool('echo', { description: 'Gives back its text', inputSchema: z.object({ text: z.string() }) }, async ({ text: t }) => text(t));
  server.registerTool('add', { description: 'Adds', inputSchema: z.object({ a: z.number(), b: z.number().default(1) }) },
    async ({ a, b }) => text(a + b));
  server.registerTool('count', { description: 'Counts with progress', inputSchema: z.object({ to: z.number().int(), ms: z.number().int().default(20) }) },
    async ({ to, ms }, ctx) => {
      const progressToken = ctx.mcpReq._meta?.progressToken;
      for (let i = 1; i <= to; i++) {
        await new Promise(r => setTimeout(r, ms));
        if (progressToken !== undefined) await ctx.mcpReq.notify({ method: 'notifications/progress', params: { progressToken, progress: i, total: to } });
      }
      return text(to);
    });
  server.registerTool('fail', { description: 'Fails', inputSchema: z.object({}) }, async () => ({ ...text('it failed'), isError: true }));
  server.registerTool('env', { description: 'Tells a variable of its environment', inputSchema: z.object({ name: z.string() }) },
    async ({ name }) => text(process.env[name] ?? '(not set)'));
  server.registerTool('die', { description: 'Ends the server', inputSchema: z.object({}) }, async () => process.exit(7));
  server.registerTool('meta', { description: 'Tells the _meta of its call', inputSchema: z.object({}) },
    async (_, ctx) => ({ ...text(JSON.stringify(ctx.mcpReq._meta ?? {})), _meta: { 'example.com/answered': true } }));
  server.registerTool('measure', { description: 'Has a structured result', inputSchema: z.object({ of: z.string() }), outputSchema: z.object({ length: z.number() }) },
    async ({ of }) => ({ ...text(of.length), structuredContent: { length: of.length } }));
  server.registerTool('wait', { description: 'Waits', inputSchema: z.object({ ms: z.number().int() }) },
    ({ ms }, ctx) => new Promise(resolve => {
      const timer = setTimeout(() => resolve(text('waited')), ms);
      ctx.mcpReq.signal.addEventListener('abort', () => { cancelled++; clearTimeout(timer); resolve(text('cancelled')); });
    }));
  server.registerTool('cancelled', { description: 'Counts the cancelled calls', inputSchema: z.object({}) }, async () => text(cancelled));
  server.registerTool('mark', { description: 'Makes a file', inputSchema: z.object({ path: z.string(), text: z.string().default('here') }) },
    async ({ path, text: t }) => { fs.writeFileSync(path, t); return text('made'); });
  server.registerTool('digest', { description: 'SHA-256 of a variable of its environment or of a header of its request', inputSchema: z.object({ env: z.string().optional(), header: z.string().optional() }) },
    async ({ env, header }, ctx) => text(createHash('sha256').update((env ? process.env[env] : ctx.http?.req?.headers.get(header)) ?? '').digest('hex')));
  server.registerTool('fickle', { description: process.env.FIXTURE_CHANGED ? 'Does something else now' : 'Does as it says', inputSchema: z.object({}) },
    async () => text('fickle'));
  server.registerTool('danger', { description: 'Cannot be undone', inputSchema: z.object({ what: z.string() }) }, async ({ what }) => text(what));
  server.registerResource('note', 'note://one', { description: 'A note' }, async uri => ({ contents: [{ uri: uri.href, text: 'a note' }] }));
  return server;
}

if (process.argv[2] === 'http')
  http.createServer(toNodeHandler(createMcpHandler(factory))).listen(Number(process.argv[3]), '127.0.0.1');
else
  serveStdio(factory);
