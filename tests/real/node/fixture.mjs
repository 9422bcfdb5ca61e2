// A server made with the official SDK, for both eras: `node fixture.mjs` speaks lines, `node fixture.mjs http PORT` streamable HTTP.
import http from 'node:http';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { serveStdio } from '@modelcontextprotocol/server/stdio';
import { toNodeHandler } from '@modelcontextprotocol/node';
import * as z from 'zod';

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
  server.registerTool('danger', { description: 'Cannot be undone', inputSchema: z.object({ what: z.string() }) }, async ({ what }) => text(what));
  server.registerResource('note', 'note://one', { description: 'A note' }, async uri => ({ contents: [{ uri: uri.href, text: 'a note' }] }));
  return server;
}

if (process.argv[2] === 'http')
  http.createServer(toNodeHandler(createMcpHandler(factory))).listen(Number(process.argv[3]), '127.0.0.1');
else
  serveStdio(factory);
