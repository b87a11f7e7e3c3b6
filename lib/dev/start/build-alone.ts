import { join } from 'node:path'
import { ensureBuild } from './build.ts'
import type { Output } from './output.ts'
import { Reaper } from './reaper.ts'

export const root = join(import.meta.dirname, '../../..')

const terminal: Output = {
  line: (text) => void process.stdout.write(`${text}\n`),
  attach: (stream) => stream?.pipe(process.stdout, { end: false }),
  tail: () => 'What it said is above.',
  close: () => {},
}

/** The portal's production build of these sources, made if there is none, for whoever runs the processes themselves. */
export async function buildAlone(): Promise<string> {
  const reaper = new Reaper()
  reaper.start()
  try {
    return await ensureBuild({ root, output: terminal, reaper, signal: new AbortController().signal })
  } finally {
    reaper.stop()
  }
}
