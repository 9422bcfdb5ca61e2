// An authorization server (oidc-provider) and a remote MCP server behind it (official SDK): `node oauth.mjs ISSUER_PORT SERVER_PORT TOKEN_SECONDS`.
// GET /control/… on the MCP server's port is the test's own: seen (headers of requests), refuse (access tokens until now), end (all grants).
import http from 'node:http';
import Provider from 'oidc-provider';
import { McpServer, createMcpHandler } from '@modelcontextprotocol/server';
import { toNodeHandler } from '@modelcontextprotocol/node';
import * as z from 'zod';

const [issuerPort, serverPort, seconds] = process.argv.slice(2).map(Number);
const issuer = `http://127.0.0.1:${issuerPort}`, origin = `http://127.0.0.1:${serverPort}`, resource = `${origin}/mcp`;
const jwk = process.env.ROBOT_JWK ? JSON.parse(process.env.ROBOT_JWK) : null;
const machine = { grant_types: ['client_credentials'], redirect_uris: [], response_types: [] };
const provider = new Provider(issuer, {
  clients: [
    { client_id: 'robot', client_secret: 'robot-secret:with/odd chars', token_endpoint_auth_method: 'client_secret_basic', ...machine },
    { client_id: 'poster', client_secret: 'poster-secret', token_endpoint_auth_method: 'client_secret_post', ...machine },
    ...(jwk ? [{ client_id: 'signer', jwks: { keys: [jwk] }, token_endpoint_auth_method: 'private_key_jwt', ...machine }] : []),
  ],
  cookies: { keys: ['test'] },
  scopes: ['openid', 'offline_access', 'tools'],
  features: {
    devInteractions: { enabled: true }, registration: { enabled: true }, revocation: { enabled: true }, clientCredentials: { enabled: true },
    resourceIndicators: {
      enabled: true, defaultResource: () => resource, useGrantedResource: () => true,
      getResourceServerInfo: () => ({ scope: 'tools', audience: resource, accessTokenTTL: seconds, accessTokenFormat: 'opaque' }),
    },
  },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id }) }),
  rotateRefreshToken: true,
  issueRefreshToken: async () => true,
  ttl: { AccessToken: seconds, ClientCredentials: seconds, RefreshToken: 3600, Grant: 3600, Session: 3600, Interaction: 600 },
});
const asked = [], grants = new Set(), seen = [];
provider.on('grant.success', ctx => asked.push(ctx.oidc.params.grant_type));

function factory() {
  const server = new McpServer({ name: 'remote', version: '1.0.0' }, { capabilities: { tools: {} } });
  server.registerTool('whoami', { description: 'Tells whose token came', inputSchema: z.object({}) },
    async () => ({ content: [{ type: 'text', text: last }] }));
  return server;
}
const mcp = toNodeHandler(createMcpHandler(factory));
let last = '', refusedBefore = 0;

async function holder(authorization) {
  const value = /^Bearer (\S+)$/.exec(authorization ?? '')?.[1];
  const token = value && (await provider.AccessToken.find(value) ?? await provider.ClientCredentials.find(value));
  if (!token || token.isExpired || token.aud !== resource || token.iat * 1000 < refusedBefore) return null;
  if (token.grantId) grants.add(token.grantId);
  return token.accountId ? `person ${token.accountId}` : `client ${token.clientId}`;
}

const json = (response, value) => { response.setHeader('Content-Type', 'application/json'); response.end(JSON.stringify(value)); };
http.createServer(async (request, response) => {
  const path = request.url.split('?')[0];
  if (path === '/.well-known/oauth-protected-resource/mcp') return json(response, { resource, authorization_servers: [issuer], scopes_supported: ['tools'] });
  if (path === '/control/seen') return json(response, { seen, asked });
  if (path === '/control/refuse') { refusedBefore = Date.now() + 1; await new Promise(r => setTimeout(r, 1100)); return json(response, {}); }
  if (path === '/control/end') {
    for (const id of grants) { await provider.RefreshToken.revokeByGrantId(id); await provider.AccessToken.revokeByGrantId(id); }
    return json(response, {});
  }
  seen.push(request.headers);
  const who = await holder(request.headers.authorization);
  if (!who) {
    response.statusCode = 401;
    response.setHeader('WWW-Authenticate', `Bearer resource_metadata="${origin}/.well-known/oauth-protected-resource/mcp", scope="tools"`);
    return response.end();
  }
  last = who;
  mcp(request, response);
}).listen(serverPort, '127.0.0.1', () => http.createServer(provider.callback()).listen(issuerPort, '127.0.0.1', () => console.log('ready')));
