import { execFile } from 'node:child_process'
import { promisify } from 'node:util'

export const systemFolders = ['/usr/sbin', '/usr/bin', '/sbin', '/bin'] as const

/** The whole environment of every program the service runs on the host: nothing of its own, which holds secrets. */
export const hostEnvironment = { PATH: systemFolders.join(':') } as unknown as NodeJS.ProcessEnv

const execute = promisify(execFile)

/** Runs a system program on the host; rejects with its standard error when it fails. */
export async function runHostProgram(program: string, argv: readonly string[]): Promise<string> {
  const { stdout } = await execute(program, [...argv], { env: hostEnvironment, cwd: '/', timeout: 60_000 })
  return stdout
}
