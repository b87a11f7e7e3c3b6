import { expect, test } from 'vitest'
import { paramsFor } from './envelope.ts'

const modern = { era: 'modern', version: '2026-07-28' } as const
const legacy = { era: 'legacy', version: '2025-11-25' } as const
const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01'
const beside = { 'acme.example/tenant': 'other', baggage: 'tenant=other', progressToken: 'its own' }

test.for([modern, legacy])(
  'of what an agent says beside its request only the trace goes on ($version)',
  (handshake) => {
    const params = { name: 'look', arguments: { id: 1 }, _meta: { ...beside, traceparent, tracestate: 'vendor=1' } }
    const { _meta, ...rest } = paramsFor(handshake, params, {}, null)
    expect(rest).toEqual({ name: 'look', arguments: { id: 1 } })
    const own = Object.entries(_meta as object).filter(([key]) => !key.startsWith('io.modelcontextprotocol/'))
    expect(Object.fromEntries(own)).toEqual({ traceparent, tracestate: 'vendor=1' })
  },
)

test('what is no trace does not go on as one', () => {
  for (const words of ['tenant=other', 7, `${traceparent}-more`, { tenant: 'other' }]) {
    const params = { name: 'look', _meta: { ...beside, traceparent: words, tracestate: 'tenant=other' } }
    expect(paramsFor(legacy, params, {}, null)).toEqual({ name: 'look' })
  }
})
