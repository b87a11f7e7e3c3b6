import fc from 'fast-check'
import { expect, test } from 'vitest'
import { readTraceContext, traceparentOf } from './trace-context.ts'

const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
const spanId = '00f067aa0ba902b7'
const parent = `00-${traceId}-${spanId}-01`

test('the message says more than the connection it came over', () => {
  const headers = { traceparent: `00-${'1'.repeat(32)}-${spanId}-00`, tracestate: 'a=1' }
  expect(readTraceContext({ traceparent: parent, tracestate: 'b=2' }, headers)).toEqual({
    traceId,
    spanId,
    sampled: true,
    state: 'b=2',
  })
  expect(readTraceContext(undefined, headers)).toMatchObject({ traceId: '1'.repeat(32), sampled: false, state: 'a=1' })
  expect(readTraceContext({}, {})).toBeNull()
})

test.for([
  ['', 'empty'],
  [parent.toUpperCase(), 'upper case'],
  [`00-${'0'.repeat(32)}-${spanId}-01`, 'no trace'],
  [`00-${traceId}-${'0'.repeat(16)}-01`, 'no span'],
  [`ff-${traceId}-${spanId}-01`, 'the version that is none'],
  [`${parent}-more`, 'more than version 00 has'],
  [` ${parent}`, 'a space before'],
])('what cannot be read is no context: %s (%s)', ([text]) => {
  expect(readTraceContext({ traceparent: text }, {})).toBeNull()
})

test('a later version with more fields is read as far as it is known', () => {
  expect(readTraceContext({ traceparent: `01-${traceId}-${spanId}-03-more` }, {})).toMatchObject({
    traceId,
    sampled: true,
  })
})

test('a state nobody could pass on is left out, whatever a caller sends', () => {
  fc.assert(
    fc.property(fc.anything(), fc.anything(), (traceparent, tracestate) => {
      const read = readTraceContext({ traceparent, tracestate }, {})
      if (read) expect(traceparentOf(read)).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]$/)
    }),
  )
  for (const state of ['a=1\r\nx: y', 'é', 'x'.repeat(513), 7]) {
    expect(readTraceContext({ traceparent: parent, tracestate: state }, {})).toMatchObject({ state: null })
  }
})
