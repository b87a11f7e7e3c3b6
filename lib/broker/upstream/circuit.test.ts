import { expect, test } from 'vitest'
import { Circuit, type CircuitReport } from './circuit.ts'

const request = {}
const error = { kind: 'unreachable', message: 'it could not be reached' }

function world() {
  const clock: { ms: number; wall?: number } = { ms: 0 }
  const reports: CircuitReport[] = []
  const limits = { circuitFailures: 3, circuitOpenMs: 1000, circuitOpenMsMax: 3000 }
  const circuit = new Circuit({
    limits,
    now: () => new Date(clock.wall ?? clock.ms),
    nowMs: () => clock.ms,
    onChange: (report) => reports.push(report),
  })
  return { clock, reports, circuit }
}

test('a success is news where others were told last that it is open, once', () => {
  const reports: string[] = []
  const limits = { circuitFailures: 3, circuitOpenMs: 1000, circuitOpenMsMax: 3000 }
  const onChange = ({ state }: CircuitReport): void => void reports.push(state)
  const circuit = new Circuit({ limits, now: () => new Date(0), isToldOpen: true, onChange })
  circuit.failed(error, request)
  expect(reports).toEqual([])
  circuit.succeeded()
  circuit.succeeded()
  expect(reports).toEqual(['closed'])
})

test('opens after failures in a row only, and says until when', () => {
  const { circuit, reports } = world()
  for (const end of ['failed', 'failed', 'succeeded', 'failed', 'failed'] as const) circuit[end](error, request)
  expect(circuit.admit(request)).toBe(0)
  circuit.failed(error, request)
  expect(circuit.admit(request)).toBe(1000)
  expect(reports).toEqual([{ state: 'open', failures: 3, lastError: error, retryAt: new Date(1000) }])
})

test('lets one probe through, and waits twice as long after each that fails, up to a limit', () => {
  const { circuit, clock } = world()
  for (let i = 0; i < 3; i += 1) circuit.failed(error, request)
  const waits: number[] = []
  for (let i = 0; i < 3; i += 1) {
    clock.ms += circuit.admit(request)
    expect(circuit.admit(request)).toBe(0)
    expect(circuit.state).toBe('half_open')
    // The second one while the probe is under way.
    expect(circuit.admit(request)).toBeGreaterThan(0)
    circuit.failed(error, request)
    waits.push(circuit.admit(request))
  }
  expect(waits).toEqual([2000, 3000, 3000])
})

test('closes with a probe that succeeds; one that was cancelled lets another go', () => {
  const { circuit, clock, reports } = world()
  for (let i = 0; i < 3; i += 1) circuit.failed(error, request)
  clock.ms = 1000
  expect(circuit.admit(request)).toBe(0)
  circuit.released(request)
  expect(circuit.admit(request)).toBe(0)
  circuit.succeeded()
  expect(circuit.admit(request)).toBe(0)
  expect(reports.map((report) => report.state)).toEqual(['open', 'closed'])
})

test('a probe that lasts closes it as soon as it is heard of; what is heard while it is open changes nothing', () => {
  const { circuit, clock } = world()
  for (let i = 0; i < 3; i += 1) circuit.failed(error, request)
  circuit.answered()
  expect(circuit.admit(request)).toBe(1000)
  clock.ms = 1000
  expect(circuit.admit(request)).toBe(0)
  expect(circuit.admit(request)).toBeGreaterThan(0)
  circuit.answered()
  expect([circuit.state, circuit.admit(request)]).toEqual(['closed', 0])
})

test('failures of requests that were under way when it opened change nothing', () => {
  const { circuit, reports } = world()
  for (let i = 0; i < 10; i += 1) circuit.failed(error, request)
  expect(circuit.admit(request)).toBe(1000)
  expect(reports).toHaveLength(1)
})

test('an older request that ends says nothing of the probe, unless it succeeds', () => {
  const { circuit, clock, reports } = world()
  const older = {}
  for (let i = 0; i < 3; i += 1) circuit.failed(error, request)
  clock.ms = 1000
  expect(circuit.admit(request)).toBe(0)
  circuit.released(older)
  expect(circuit.admit({})).toBeGreaterThan(0)
  circuit.failed(error, older)
  expect([circuit.state, circuit.admit({}) > 0]).toEqual(['half_open', true])
  circuit.failed(error, request)
  expect([circuit.state, circuit.admit({})]).toEqual(['open', 2000])
  circuit.succeeded()
  expect(reports.map((report) => report.state)).toEqual(['open', 'open', 'closed'])
})

test('a clock that is put back keeps nobody from the server for longer', () => {
  const { circuit, clock, reports } = world()
  clock.wall = 7_200_000
  for (let i = 0; i < 3; i += 1) circuit.failed(error, request)
  expect(reports.at(-1)?.retryAt).toEqual(new Date(7_201_000))
  Object.assign(clock, { ms: 1000, wall: 0 })
  expect(circuit.admit(request)).toBe(0)
})
