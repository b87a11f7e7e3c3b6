import type { Rule } from '../schema.ts'
import { nobody, platform } from './rule-keepers.ts'

/** The rules of sessions and of what servers ask; part of the one table in schema.ts. */
export const protocolRules = {
  session_ended: {
    title: 'The session has ended',
    explanation: 'The MCP server does not know the session any more that this one is part of.',
    remedy: 'Begin a new session with initialize.',
    setBy: 'The MCP server',
    changedBy: platform,
  },
  session_unsealed: {
    title: 'A session begins when its name is sealed',
    explanation:
      'All that a session is stands sealed in its name, and the key to seal it with could not be had in time: the service that keeps the keys, or the database that says which one is current, did not answer.',
    remedy: 'Begin the session again shortly; it recovers by itself when both answer.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  answer_unknown: {
    title: 'Only what was asked is answered',
    explanation:
      'Nothing of this id or key waits for an answer of this agent in this session or call: it was never asked, belongs to another call, is answered already, or nobody waits for it any more.',
    remedy: 'Answer each question once, in time, under the id or key it was asked with and with the state of its call.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  state_expired: {
    title: 'The state of a call has an end',
    explanation:
      'The call asked for something and waited for the answer with a state, which is good for a time that the settings say. That is over, so nobody goes on with what may not be true any more.',
    remedy: 'Make the call again without requestState and inputResponses, and answer sooner.',
    setBy: 'Platform',
    changedBy: platform,
  },
  answer_deadline: {
    title: 'Questions have a deadline',
    explanation: 'The MCP server asked the agent for something, and no answer came in time.',
    remedy: 'Call again and answer sooner.',
    setBy: 'Platform',
    changedBy: platform,
  },
} as const satisfies Record<string, Omit<Rule, 'id'>>
