import type { PublishedPackage } from './npm-registry.ts'

/** An MCP server as a package is one: a program that speaks JSON-RPC in lines, and a word that it takes from a package it depends on. */
const programWith = (tools: readonly object[]) => `#!/usr/bin/env node
import { createInterface } from 'node:readline'
import { say } from 'packaged-words'

const tools = ${JSON.stringify(tools)}
const answers = {
  initialize: () => ({ protocolVersion: '2025-11-25', capabilities: { tools: {} }, serverInfo: { name: 'packaged', version: '1' } }),
  ping: () => ({}),
  'tools/list': () => ({ tools }),
  'tools/call': ({ arguments: { name } }) => ({ content: [{ type: 'text', text:
    say(name) + ' ' + process.argv.slice(2).join(' ') + ' token of ' + (process.env.PACKAGED_TOKEN ?? '').length }] }),
}
for await (const line of createInterface({ input: process.stdin })) {
  const { id, method, params } = JSON.parse(line)
  if (id === undefined) continue
  const answer = answers[method]
  const said = answer ? { result: answer(params) } : { error: { code: -32601, message: 'no such method' } }
  process.stdout.write(JSON.stringify({ jsonrpc: '2.0', id, ...said }) + '\\n')
}
`

export const greetTool = {
  name: 'greet',
  description: 'Greets, in the words of the package it depends on.',
  inputSchema: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
  annotations: { readOnlyHint: true },
}

/** A script that would leave a trace if it were ever run. */
export const tracePath = '/tmp/wheelhouse-package-script-ran'
const leavesATrace = `node -e "require('fs').writeFileSync('${tracePath}','')"`

export const words = (version: string, greeting: string): PublishedPackage => ({
  manifest: {
    name: 'packaged-words',
    version,
    type: 'module',
    exports: './index.js',
    scripts: { postinstall: leavesATrace },
  },
  files: { 'index.js': `export const say = (name) => '${greeting} ' + name\n` },
})

export const packagedServer = (
  version: string,
  more: object = {},
  tools: object[] = [greetTool],
): PublishedPackage => ({
  manifest: {
    name: '@acme/packaged',
    version,
    type: 'module',
    bin: { packaged: 'server.js', other: 'server.js' },
    dependencies: { 'packaged-words': '^1.0.0' },
    scripts: { preinstall: leavesATrace, install: leavesATrace, postinstall: leavesATrace },
    ...more,
  },
  files: { 'server.js': programWith(tools) },
})
