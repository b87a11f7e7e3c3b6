import { expect, test } from 'vitest'
import { Circuit, type CircuitReport } from './circuit.ts'

const error = { kind: 'unreachable', message: 'it could not be reached' }

function world() {
  const clock = { ms: 0 }
  const reports: CircuitReport[] = []
  const limits = { circuitFailures: 3, circuitOpenMs: 1000, circuitOpenMsMax: 3000 }
  const circuit = new Circuit({ limits, now: () => new Date(clock.ms), onChange: (report) => reports.push(report) })
  return { clock, reports, circuit }
}

test('opens after failures in a row only, and says until when', () => {
  const { circuit, reports } = world()
  for (const end of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const) circuit[end](error)
  expect(circuit.admit()).toBe(0)
  circuit.failed(error)
  expect(circuit.admit()).toBe(1000)
  expect(reports).toEqual([{ state: 'open', failures: 3, lastError: error, retryAt: new Date(1000) }])
})

test('lets one probe through, and waits twice as long after each that fails, up to a limit', () => {
  const { circuit, clock } = world()
  for (let i = 0; i < 3; i += 1) circuit.failed(error)
  const waits: number[] = []
  for (let i = 0; i < 3; i += 1) {
    clock.ms += circuit.admit()
    expect(circuit.admit()).toBe(0)
    expect(circuit.state).toBe('half_open')
    // The second one while the probe is under way.
    expect(circuit.admit()).toBeGreaterThan(0)
    circuit.failed(error)
    waits.push(circuit.admit())
  }
  expect(waits).toEqual([2000, 3000, 3000])
})

test('closes with a probe that succeeds; one that was cancelled lets another go', () => {
  const { circuit, clock, reports } = world()
  for (let i = 0; i < 3; i += 1) circuit.failed(error)
  clock.ms = 1000
  expect(circuit.admit()).toBe(0)
  circuit.released()
  expect(circuit.admit()).toBe(0)
  circuit.succeeded()
  expect(circuit.admit()).toBe(0)
  expect(reports.map((report) => report.state)).toEqual(['open', 'closed'])
})

test('a probe that lasts closes it as soon as it is heard of; what is heard while it is open changes nothing', () => {
  const { circuit, clock } = world()
  for (let i = 0; i < 3; i += 1) circuit.failed(error)
  circuit.answered()
  expect(circuit.admit()).toBe(1000)
  clock.ms = 1000
  expect(circuit.admit()).toBe(0)
  expect(circuit.admit()).toBeGreaterThan(0)
  circuit.answered()
  expect([circuit.state, circuit.admit()]).toEqual(['closed', 0])
})

test('failures of requests that were under way when it opened change nothing', () => {
  const { circuit, reports } = world()
  for (let i = 0; i < 10; i += 1) circuit.failed(error)
  expect(circuit.admit()).toBe(1000)
  expect(reports).toHaveLength(1)
})
