/*
 * The official engine (npm package @cedar-policy/cedar-wasm) behind a pipe: a call a line on standard input, its answer a line on
 * standard output, in the same order. Calls are those of cedar_calls.h; an answer is what the package's function returns.
 *
 *     CEDAR_WASM=…/cedar-wasm/nodejs/cedar_wasm.js node cedar_oracle.mjs
 *
 * The package moves values through JSON.stringify and JSON.parse, which would round 64-bit integers. Both are replaced by functions that
 * pass text through, so that a call reaches the engine, and its answer the pipe, exactly as written.
 */
import { createRequire } from 'node:module';

class Raw {
  constructor(text) {
    this.text = text;
  }
}
const parse = JSON.parse.bind(JSON);
const stringify = JSON.stringify.bind(JSON);
JSON.parse = (text) => new Raw(text);
JSON.stringify = (value) => (value instanceof Raw ? value.text : stringify(value));

const require = createRequire(import.meta.url);
const where = process.env.CEDAR_WASM;
let cedar = require(where);

/*
 * The members of an object, written without spaces, as the texts of their values. Nothing else is read: whether a value is JSON is for the
 * engine to say.
 */
const SKIP = /[^"{}[\],]+|"(?:[^"\\]|\\.)*"/sy;
function members(line) {
  const out = {};
  let at = 1;
  while (at < line.length - 1) {
    const quote = line.indexOf('"', at + 1);
    const key = line.slice(at + 1, quote);
    const start = quote + 2;
    let depth = 0;
    for (at = start; at < line.length; ) {
      SKIP.lastIndex = at;
      if (SKIP.test(line)) {
        at = SKIP.lastIndex;
        continue;
      }
      const c = line[at];
      if (depth === 0 && (c === ',' || c === '}')) break;
      depth += c === '{' || c === '[' ? 1 : c === '}' || c === ']' ? -1 : 0;
      at++;
    }
    out[key] = line.slice(start, at);
    at++;
  }
  return out;
}

/* An object of those members of the call that are there; `given` names them, with another name where the package has one. */
function call(m, given) {
  const list = given.map((name) => name.split('>')).filter(([from]) => m[from] !== undefined);
  return new Raw('{' + list.map(([from, to]) => `"${to ?? from}":${m[from]}`).join(',') + '}');
}

const raw = (text) => new Raw(text ?? 'null');
const request = ['principal', 'action', 'resource', 'context', 'entities', 'validateRequest'];
const whole = [...request, 'policies', 'schema'];
const held = ['preparsedPolicySetId', 'preparsedSchemaName'];
const kept = new Map(); // what must be said again to a fresh instance
const keep = (m, name, f) => (kept.set(name, m), f(name, raw(m.policies ?? m.schema)));
let entities; // of holdEntities: the package keeps none, so each `ask` without any brings them again
const OPS = {
  version: () => new Raw(stringify({ sdk: cedar.getCedarSDKVersion(), lang: cedar.getCedarLangVersion() })),
  authorize: (m) => cedar.isAuthorized(call(m, whole)),
  hold: (m) => keep(m, 'p', cedar.preparsePolicySet),
  holdSchema: (m) => keep(m, 's', cedar.preparseSchema),
  holdEntities: (m) => ((entities = m.entities), new Raw('{"type":"success"}')),
  ask: (m) => cedar.statefulIsAuthorized(call({ entities, ...m, p: '"p"', s: m.held }, [...request, `p>${held[0]}`, `s>${held[1]}`])),
  partial: (m) => cedar.isAuthorizedPartial(call({ principal: 'null', action: 'null', resource: 'null', ...m }, whole)),
  validate: (m) => cedar.validate(call(m, ['schema', 'policies'])),
  checkPolicies: (m) => cedar.checkParsePolicySet(raw(m.policies)),
  checkSchema: (m) => cedar.checkParseSchema(raw(m.schema)),
  checkEntities: (m) => cedar.checkParseEntities(call(m, ['entities', 'schema'])),
  checkContext: (m) => cedar.checkParseContext(call(m, ['context', 'schema', 'action'])),
  parts: (m) => cedar.policySetTextToParts(parse(m.policies)),
  toJson: (m) => cedar.policyToJson(raw(m.policy)),
  toText: (m) => cedar.policyToText(raw(m.policy)),
  templateToJson: (m) => cedar.templateToJson(raw(m.template)),
  templateToText: (m) => cedar.templateToText(raw(m.template)),
  format: (m) => cedar.formatPolicies(call(m, ['text>policyText', 'lineWidth', 'indentWidth'])),
  schemaToJson: (m) => cedar.schemaToJson(raw(m.schema)),
  schemaToText: (m) => cedar.schemaToText(raw(m.schema)),
  schemaToJsonResolved: (m) => cedar.schemaToJsonWithResolvedTypes(parse(m.schema)),
};

/* A trap (deep nesting) spoils an instance for ever: load another, and let it hold what this one held. */
function reload() {
  delete require.cache[require.resolve(where)];
  cedar = require(where);
  for (const [name, m] of kept) (name === 'p' ? cedar.preparsePolicySet : cedar.preparseSchema)(name, raw(m.policies ?? m.schema));
}

function answer(line) {
  const m = members(line);
  try {
    return OPS[parse(m.op)](m).text;
  } catch (e) {
    const trap = e instanceof WebAssembly.RuntimeError || e instanceof RangeError;
    if (trap) reload();
    return stringify({ type: trap ? 'trap' : 'exception', message: String(e?.message ?? e?.text ?? e) });
  }
}

let rest = '';
process.stdin.setEncoding('utf8');
for await (const chunk of process.stdin) {
  const lines = (rest + chunk).split('\n');
  rest = lines.pop();
  const out = lines.filter((l) => l).map((l) => answer(l) + '\n').join('');
  if (out && !process.stdout.write(out)) await new Promise((done) => process.stdout.once('drain', done));
}
