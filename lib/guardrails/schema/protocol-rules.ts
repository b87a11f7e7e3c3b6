import type { Rule } from '../schema.ts'
import { nobody, platform } from './rule-keepers.ts'

/** The rules of what a request is, of sessions and of what servers ask; part of the one table in schema.ts. */
export const protocolRules = {
  browser_origin: {
    title: 'Browsers do not call the broker',
    explanation:
      'The request comes from a web page: it names an origin that is neither the portal nor the broker. A page that has its own name lead to the address of the broker would do so (DNS rebinding).',
    remedy: 'Call from a program, which sends no Origin header.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  content_type_unsupported: {
    title: 'Requests are JSON',
    explanation: 'The request says that its body is something else than application/json.',
    remedy: 'Send JSON with the header Content-Type: application/json.',
    setBy: 'The protocol (MCP)',
    changedBy: nobody,
  },
  accept_unsupported: {
    title: 'A stream is a stream of events',
    explanation: 'The request asks for the stream of a session and does not accept text/event-stream.',
    remedy: 'Send the header Accept: text/event-stream.',
    setBy: 'The protocol (MCP)',
    changedBy: nobody,
  },
  json_invalid: {
    title: 'Requests are JSON',
    explanation: 'The body of the request is not valid JSON.',
    remedy: 'Send one JSON-RPC message as valid JSON, in UTF-8.',
    setBy: 'The protocol (JSON-RPC)',
    changedBy: nobody,
  },
  header_mismatch: {
    title: 'Headers say what the body says',
    explanation:
      'The headers that mirror the body (MCP-Protocol-Version, Mcp-Method, Mcp-Name, Mcp-Param-*) are missing or say something else, so whoever reads only one of the two would see another request.',
    remedy: 'Send both from the same values; a current MCP client does so by itself.',
    setBy: 'The protocol (MCP 2026-07-28)',
    changedBy: nobody,
  },
  protocol_version_unsupported: {
    title: 'Only known versions of the protocol',
    explanation: 'The request claims a version of MCP that the broker does not speak.',
    remedy: 'Use a version that the answer lists as supported, or begin with initialize.',
    setBy: 'The protocol (MCP)',
    changedBy: nobody,
  },
  envelope_invalid: {
    title: 'Requests carry their envelope',
    explanation: 'What the request says in _meta about its version and its client is incomplete or of the wrong form.',
    remedy: 'Send the envelope as MCP 2026-07-28 has it; a current MCP client does so by itself.',
    setBy: 'The protocol (MCP 2026-07-28)',
    changedBy: nobody,
  },
  params_invalid: {
    title: 'Requests say what their method takes',
    explanation:
      'What the request says in params is missing, of the wrong form, more than is taken, or a cursor of another list.',
    remedy: 'Send params as MCP has them for the method, and a cursor exactly as the list before it gave it.',
    setBy: 'The protocol (MCP)',
    changedBy: nobody,
  },
  session_not_found: {
    title: 'A session is its agent’s alone',
    explanation:
      'No session of this name exists for this agent, its run and this server: it has ended, was never begun, or is another agent’s.',
    remedy: 'Begin a new session with initialize.',
    setBy: 'Platform',
    changedBy: nobody,
  },
  session_ended: {
    title: 'The session has ended',
    explanation: 'The MCP server does not know the session any more that this one is part of.',
    remedy: 'Begin a new session with initialize.',
    setBy: 'The MCP server',
    changedBy: platform,
  },
  event_unknown: {
    title: 'A stream goes on after an event of its session',
    explanation:
      'The id in Last-Event-ID names no event of this session: it is another session’s, was made up, or its server has forgotten the session it was of.',
    remedy: 'Open the stream without Last-Event-ID, and make the call again whose answer was lost.',
    setBy: 'Platform',
    changedBy: nobody,
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
