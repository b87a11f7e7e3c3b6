import type { SimulatedTurn, SimulationBlock, SimulationConversation } from '#lib/templates/schema.ts'

/** A tool call of the conversation with its answer, once there is one. */
export type PastCall = {
  /** The name without its server, for example `list_invoices`. */
  tool: string
  input: Record<string, unknown>
  answer: { text: string; refused: boolean } | null
}

/** What scripts need of a conversation. Everything comes from the messages themselves, so a run can go on anywhere. */
export class Transcript {
  readonly calls: readonly PastCall[]
  readonly parameters: Readonly<Record<string, string | number | boolean>>
  private readonly conversation: SimulationConversation

  constructor(conversation: SimulationConversation) {
    this.conversation = conversation
    this.calls = callsOf(conversation)
    this.parameters = parametersOf(conversation.system)
  }

  of(tool: string): PastCall[] {
    return this.calls.filter((call) => call.tool === tool)
  }

  /** The answers of a tool as JSON, in order; refused and unanswered calls are left out. */
  answers<T>(tool: string): T[] {
    return this.of(tool).flatMap((call) =>
      call.answer && !call.answer.refused ? [JSON.parse(call.answer.text) as T] : [],
    )
  }

  refusal(tool: string): string | null {
    return this.of(tool).find((call) => call.answer?.refused)?.answer?.text ?? null
  }

  lists(tool: string): boolean {
    return this.conversation.tools.some(({ name }) => shortName(name) === tool)
  }

  /** The name under which the tool is offered. One that is not offered is tried by its usual name, so that the refusal is seen. */
  name(server: string | null, tool: string): string {
    const offered = this.conversation.tools.find(({ name }) => shortName(name) === tool)
    return offered?.name ?? (server ? `${server}__${tool}` : tool)
  }
}

/**
 * The end of a run that may not go on: one escalation that names the scope, then the last words. Null while nothing was refused.
 */
export function blocked(transcript: Transcript, scopes: Record<string, string>): SimulatedTurn | null {
  for (const [tool, scope] of Object.entries(scopes)) {
    const refusal = transcript.refusal(tool)
    if (refusal === null) continue
    const text = `I was refused ${tool}. It needs the scope ${scope}. The answer was: ${refusal.slice(0, 500)}`
    if (transcript.of('escalate').some((call) => call.input['kind'] === 'blocked'))
      return { text: `${text}\n\nI have told a person and end here; nothing was estimated.` }
    return {
      text,
      toolCalls: [
        {
          name: transcript.name(null, 'escalate'),
          input: { kind: 'blocked', title: `Blocked: ${tool} needs ${scope}`, summary: text, severity: 'medium', subject: scope },
        },
      ],
    }
  }
  return null
}

function callsOf(conversation: SimulationConversation): PastCall[] {
  const calls = new Map<string, PastCall>()
  for (const message of conversation.messages) {
    if (typeof message.content === 'string') continue
    for (const block of message.content) {
      if (isCall(block)) {
        calls.set(block.id, { tool: shortName(block.name), input: block.input as Record<string, unknown>, answer: null })
      } else if (isAnswer(block)) {
        const call = calls.get(block.tool_use_id)
        if (call) call.answer = { text: textOf(block.content), refused: block.is_error === true }
      }
    }
  }
  return [...calls.values()]
}

function parametersOf(system: string): Record<string, string | number | boolean> {
  const line = /^parameters: (\{.*\})$/m.exec(system)
  return line ? (JSON.parse(line[1]!) as Record<string, string | number | boolean>) : {}
}

/** Tools of MCP servers come as `server__tool`; other spellings of the separator are read as well. */
function shortName(name: string): string {
  return name.split(/__|[./:]/).at(-1) ?? name
}

function textOf(content: string | readonly { type: string; text?: string }[] | undefined): string {
  return typeof content === 'string' ? content : (content ?? []).map((part) => part.text ?? '').join('')
}

function isCall(block: SimulationBlock): block is Extract<SimulationBlock, { id: string }> {
  return block.type === 'tool_use'
}

function isAnswer(block: SimulationBlock): block is Extract<SimulationBlock, { tool_use_id: string }> {
  return block.type === 'tool_result'
}
