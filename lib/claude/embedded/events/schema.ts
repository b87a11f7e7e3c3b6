import { z } from 'zod'

const text = z.strictObject({ type: z.literal('text'), text: z.string() })
const base64 = z.strictObject({ type: z.literal('base64'), media_type: z.string(), data: z.string() })
const url = z.strictObject({ type: z.literal('url'), url: z.url({ protocol: /^https?$/ }) })
const image = z.strictObject({ type: z.literal('image'), source: z.discriminatedUnion('type', [base64, url]) })
const document = z.strictObject({
  type: z.literal('document'),
  source: z.discriminatedUnion('type', [
    base64,
    url,
    z.strictObject({ type: z.literal('text'), media_type: z.literal('text/plain'), data: z.string() }),
  ]),
  title: z.string().nullish(),
  context: z.string().nullish(),
})
const searchResult = z.strictObject({
  type: z.literal('search_result'),
  source: z.string(),
  title: z.string(),
  citations: z.strictObject({ enabled: z.boolean() }),
  content: z.array(text),
})

const said = z.array(z.discriminatedUnion('type', [text, image, document])).min(1)
const resultContent = z.array(z.discriminatedUnion('type', [text, image, document, searchResult])).optional()
const isError = z.boolean().nullish()

export const userMessage = z.strictObject({ type: z.literal('user.message'), content: said })

/** What a client may send. Outcomes and system messages need a grader and models that this server does not promise. */
export const inputEvent = z.discriminatedUnion(
  'type',
  [
    userMessage,
    z.strictObject({
      type: z.literal('user.interrupt'),
      session_thread_id: z.null('Session threads are not available on this server.').optional(),
    }),
    z.strictObject({
      type: z.literal('user.tool_confirmation'),
      tool_use_id: z.string(),
      result: z.enum(['allow', 'deny']),
      deny_message: z.string().max(10_000).nullish(),
    }),
    z.strictObject({
      type: z.literal('user.tool_result'),
      tool_use_id: z.string(),
      content: resultContent,
      is_error: isError,
    }),
    z.strictObject({
      type: z.literal('user.custom_tool_result'),
      custom_tool_use_id: z.string(),
      content: resultContent,
      is_error: isError,
    }),
  ],
  {
    error: () =>
      'Use user.message, user.interrupt, user.tool_confirmation, user.tool_result or user.custom_tool_result; this server has no other.',
  },
)

export const sendEventsBody = z.strictObject({ events: z.array(inputEvent).min(1).max(50) })

export type InputEvent = z.output<typeof inputEvent>
