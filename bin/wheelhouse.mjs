#!/usr/bin/env node
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { ensureDependencies, pinnedNode, requireNode20, root, run } from './setup.mjs'

const program = join(root, 'lib/api/cli/main.ts')
requireNode20()
await ensureDependencies()
const node = pinnedNode()
if (node === process.execPath) await import(pathToFileURL(program).href)
else process.exit(await run(node, [program, ...process.argv.slice(2)], { cwd: process.cwd() }))
