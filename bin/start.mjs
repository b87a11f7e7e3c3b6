#!/usr/bin/env node
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ensureBubblewrap, ensureDependencies, pinnedNode, requireNode20, root, toolEnvironment } from './setup.mjs'

requireNode20()
await ensureDependencies()
await ensureBubblewrap()
const node = pinnedNode()

// A session of its own: Ctrl-C in the terminal reaches only this program, which passes it on exactly once. When this program dies
// without a word, the channel closes and the other side stops everything.
const program = spawn(node, [join(root, 'lib/dev/start.ts'), ...process.argv.slice(2)], {
  cwd: root,
  env: toolEnvironment(node),
  stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  detached: true,
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => program.kill(signal))
program.on('error', (error) => {
  console.error(error.message)
  process.exit(1)
})
program.on('exit', (code, signal) => process.exit(code ?? (signal ? 1 : 0)))

// npm passes signals on, but cannot when it is killed outright: then the shell it started is gone too, and so are we.
const parent = process.ppid
if (process.env.npm_lifecycle_event) {
  setInterval(() => process.ppid !== parent && program.kill('SIGTERM'), 1000).unref()
}
