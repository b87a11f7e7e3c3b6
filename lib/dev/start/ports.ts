import { isPortFree } from '#lib/dev/ports.ts'
import { StartError } from './home.ts'

export type NamedPort = { variable: string; port: number }

/** Refuses, naming every variable at once, when two processes want one port or something else has it. */
export async function checkPorts(ports: readonly NamedPort[], host: string): Promise<void> {
  const problems: string[] = []
  for (const [index, { variable, port }] of ports.entries()) {
    const twin = ports.slice(0, index).find((other) => other.port === port)
    if (twin)
      problems.push(`Port ${port} is wanted by ${twin.variable} and ${variable}. Set one of them to another port.`)
    else if (!(await isPortFree(port, host)))
      problems.push(`Port ${port} is taken by another program. Set ${variable} to another port.`)
  }
  if (problems.length > 0) throw new StartError(problems.join('\n'))
}
