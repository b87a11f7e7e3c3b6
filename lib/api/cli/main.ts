import { parseCliConfig } from '#lib/config/cli.ts'
import { ConfigError } from '#lib/config/shared.ts'
import { exitCodes } from './errors.ts'
import { runProgram } from './program.ts'
import { processTerminal } from './terminal.ts'

// The exit code is set instead of leaving at once, so that what was printed arrives also where a pipe is slow.
process.exitCode = await main()

async function main(): Promise<number> {
  const terminal = processTerminal()
  try {
    return await runProgram({ config: parseCliConfig(process.env), terminal }, process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error
    terminal.err(error.message)
    return exitCodes.usage
  }
}
