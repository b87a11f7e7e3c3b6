#!/usr/bin/env node
import { join } from 'node:path'
import {
  ensureBubblewrap,
  ensureChromium,
  ensureDependencies,
  pinnedNode,
  requireNode20,
  root,
  run,
  toolEnvironment,
} from './setup.mjs'

requireNode20()
await ensureDependencies()
await ensureBubblewrap()
const chromium = await ensureChromium()
const node = pinnedNode()
const env = { ...toolEnvironment(node), CHROMIUM_PATH: chromium }
process.exit(await run(node, [join(root, 'lib/dev/test-all.ts')], { env }))
