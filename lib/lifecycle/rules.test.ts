import { describe, expect, test } from 'vitest'
import { agentStatuses } from '#lib/registry/schema.ts'
import { canMove, creationPlan, moveProblem, type MoveName, nextReview, nextRuns, scheduleProblem } from './rules.ts'

const now = new Date('2026-11-22T10:00:00Z')

describe('the moves of an agent', () => {
  test('are exactly these; a retired agent stays retired', () => {
    const allowed = (move: MoveName) => agentStatuses.filter((status) => canMove(status, move))
    expect(allowed('activate')).toEqual(['provisioning'])
    expect(allowed('suspend')).toEqual(['active'])
    expect(allowed('resume')).toEqual(['suspended'])
    expect(allowed('retire')).toEqual(['provisioning', 'active', 'suspended'])
  })

  test('say why not', () => {
    expect(moveProblem('active', 'suspend')).toBeNull()
    expect(moveProblem('provisioning', 'suspend')).toContain('only an agent that is active')
    expect(moveProblem('retired', 'resume')).toContain('stays retired')
  })
})

describe('a schedule', () => {
  test('has five fields in UTC and comes due some day', () => {
    expect(scheduleProblem('0 6 * * 1-5', now)).toBeNull()
    for (const wrong of ['', '* * * *', '* * * * * *', '61 * * * *', 'a b c d e', '@daily', '0 0 30 2 *']) {
      expect({ wrong, problem: scheduleProblem(wrong, now) }).toEqual({ wrong, problem: expect.any(String) })
    }
  })

  test('is read in UTC whatever the zone of the machine', () => {
    expect(nextRuns('30 6 * * *', { after: now, count: 2 }).map((run) => run.toISOString())).toEqual([
      '2026-11-23T06:30:00.000Z',
      '2026-11-24T06:30:00.000Z',
    ])
  })
})

test('the riskier the tier, the sooner the review', () => {
  expect(nextReview('high', now) < nextReview('medium', now)).toBe(true)
  expect(nextReview('medium', now) < nextReview('low', now)).toBe(true)
})

test('a creation lists only the steps that apply, and activates before the first run', () => {
  const steps = (input: Parameters<typeof creationPlan>[0]) => creationPlan(input).map(({ step }) => step)
  expect(steps({ schedule: null, firstRun: false })).toEqual([
    'register',
    'scopes',
    'claude',
    'credentials',
    'activate',
  ])
  expect(steps({ schedule: '0 6 * * *', firstRun: true }).slice(-3)).toEqual(['schedule', 'activate', 'first_run'])
})
