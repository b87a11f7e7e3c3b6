import { ConfigError } from '#lib/config/shared.ts'
import { parseStartConfig } from '#lib/config/start.ts'
import { StartError } from './start/home.ts'
import { Installation } from './start/installation.ts'

// npm start: brings up everything on this machine and keeps it up until it is told to stop.
try {
  const installation = new Installation({ config: parseStartConfig(), watch: process.argv.includes('--dev') })
  let asked = 0
  const stop = (why: string) => {
    asked += 1
    if (asked === 1) void installation.stop(why).then(() => process.exit(0))
    else installation.kill()
  }
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => stop(signal))
  // The launcher (bin/start.mjs) is gone.
  process.on('disconnect', () => stop('the launcher ended'))
  // Nobody reads our output any more (a closed terminal or pipe): that is no reason to fail while stopping.
  for (const stream of [process.stdout, process.stderr]) stream.on('error', () => {})
  await installation.start()
} catch (error) {
  if (error instanceof Error && error.name === 'AbortError') {
    // Told to stop while starting: the handler above ends the program.
  } else {
    const known = error instanceof ConfigError || error instanceof StartError
    console.error(`\nwheelhouse: ${known ? error.message : error instanceof Error ? error.stack : String(error)}\n`)
    process.exit(1)
  }
}
