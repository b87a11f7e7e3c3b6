/** One block of a conversation, as the Messages API carries it. Only the fields a simulation reads are named. */
export type SimulationBlock =
  | { type: 'text'; text: string }
  | { type: 'tool_use'; id: string; name: string; input: unknown }
  | {
      type: 'tool_result'
      tool_use_id: string
      content?: string | readonly { type: string; text?: string }[]
      is_error?: boolean
    }
  | { type: string }

export type SimulationMessage = { role: string; content: string | readonly SimulationBlock[] }

/** What the scripted model sees of one Messages API request: nothing but what the real model would see. */
export type SimulationConversation = {
  system: string
  messages: readonly SimulationMessage[]
  tools: readonly { name: string; description?: string | undefined }[]
}

/** The next assistant turn. A turn without tool calls ends the run. */
export type SimulatedTurn = {
  text?: string
  toolCalls?: { name: string; input: Record<string, unknown> }[]
}

/**
 * The script of the simulated model of one template, exported as `simulation` by `templates/<id>/simulation.ts`.
 * It is a pure function of the conversation, so a run can be continued after a crash and nothing is prepared in advance.
 */
export type Simulation = { next(conversation: SimulationConversation): SimulatedTurn }
