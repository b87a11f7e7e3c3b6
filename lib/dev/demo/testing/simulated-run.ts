import { execFile } from 'node:child_process'
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client'
import { renderAgentVersion } from '#lib/templates/rules.ts'
import {
  escalateInput,
  type EscalateInput,
  type Simulation,
  type SimulationBlock,
  type SimulationMessage,
} from '#lib/templates/schema.ts'

export type SimulatedRun = {
  calls: { name: string; input: Record<string, unknown>; refused: boolean }[]
  escalations: EscalateInput[]
  lastWords: string
  turns: number
}

/**
 * Plays a template's script against real MCP servers and a real shell, as a run does, for tests of the scripts. Nothing isolates the shell here.
 *
 * @param options.denied tools that the servers do not offer and that are refused when called anyway, as the broker does without a grant
 */
export async function simulatedRun(options: {
  simulation: Simulation
  template: Parameters<typeof renderAgentVersion>[0]['template']
  parameters?: Record<string, string | number | boolean>
  servers: Record<string, string>
  token: string
  workspace: string
  denied?: readonly string[]
}): Promise<SimulatedRun> {
  const layer = { prompt: '', parameters: options.parameters ?? {} }
  const { rendered } = renderAgentVersion({ template: options.template, layer })
  const clients = new Map<string, Client>()
  try {
    for (const [id, url] of Object.entries(options.servers)) clients.set(id, await connect(url, options.token))
    return await play({ ...options, system: rendered.system, clients, denied: new Set(options.denied) })
  } finally {
    await Promise.all(clients.values().map((client) => client.close()))
  }
}

type Stage = {
  simulation: Simulation
  system: string
  clients: Map<string, Client>
  workspace: string
  denied: ReadonlySet<string>
}

async function play(stage: Stage): Promise<SimulatedRun> {
  const tools = [{ name: 'bash' }, { name: 'escalate' }]
  for (const [id, client] of stage.clients) {
    const listed = await client.listTools()
    tools.push(
      ...listed.tools.filter((tool) => !stage.denied.has(tool.name)).map((tool) => ({ name: `${id}__${tool.name}` })),
    )
  }
  const messages: SimulationMessage[] = [{ role: 'user', content: 'Go.' }]
  const run: SimulatedRun = { calls: [], escalations: [], lastWords: '', turns: 0 }
  for (; run.turns < 60; run.turns += 1) {
    const turn = stage.simulation.next({ system: stage.system, messages, tools })
    if (!turn.toolCalls?.length) return { ...run, lastWords: turn.text ?? '' }
    const uses = turn.toolCalls.map((call, index) => ({
      type: 'tool_use' as const,
      id: `${run.turns}-${index}`,
      ...call,
    }))
    const results: SimulationBlock[] = []
    for (const use of uses) {
      const answer = await callTool(stage, use)
      if (use.name === 'escalate') run.escalations.push(escalateInput.parse(use.input))
      run.calls.push({ name: use.name, input: use.input, refused: answer.refused })
      results.push({
        type: 'tool_result',
        tool_use_id: use.id,
        content: [{ type: 'text', text: answer.text }],
        is_error: answer.refused,
      })
    }
    messages.push({ role: 'assistant', content: uses }, { role: 'user', content: results })
  }
  throw new Error('The script did not end within 60 turns.')
}

async function callTool(stage: Stage, call: { name: string; input: Record<string, unknown> }) {
  if (call.name === 'escalate') return { text: 'Recorded.', refused: false }
  if (call.name === 'bash') return bash(String(call.input['command']), stage.workspace)
  const [server, tool] = call.name.split('__') as [string, string]
  if (stage.denied.has(tool))
    return { text: `The scope for ${tool} is not granted. Request it in the portal.`, refused: true }
  const result = await stage.clients.get(server)!.callTool({ name: tool, arguments: call.input })
  const text = result.content.map((block) => (block.type === 'text' ? block.text : '')).join('')
  return { text, refused: result.isError === true }
}

function bash(command: string, cwd: string): Promise<{ text: string; refused: boolean }> {
  return new Promise((resolve) => {
    execFile('bash', ['-c', command], { cwd, timeout: 20_000, maxBuffer: 4_000_000 }, (error, stdout, stderr) =>
      resolve({ text: `${stdout}${stderr}`, refused: error !== null }),
    )
  })
}

async function connect(url: string, token: string): Promise<Client> {
  const client = new Client({ name: 'simulated-run', version: '1.0.0' }, { versionNegotiation: { mode: 'auto' } })
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { authProvider: { token: async () => token } }))
  return client
}
