import { buildAlone } from './build-alone.ts'

// npm run build: for installations that run the processes themselves. The start program builds by itself.
try {
  process.stdout.write(`The portal is built: ${await buildAlone()}\n`)
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`)
  process.exitCode = 1
}
