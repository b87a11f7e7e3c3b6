import { expect, onTestFinished, test, vi } from 'vitest'
import { createLog } from '#lib/log/log.ts'
import { QuestionRows } from './question-rows.ts'
import { Questions } from './questions.ts'

const askDeadlineMs = 60_000

function questions(): Questions {
  vi.useFakeTimers()
  onTestFinished(() => void vi.useRealTimers())
  const log = createLog({ process: 'test', level: 'silent' })
  const unreached = (): never => {
    throw new Error('What is only noted needs no database.')
  }
  return new Questions({ rows: new QuestionRows({ ctx: unreached, box: null as never, log }), log, askDeadlineMs })
}

test('a question that is only noted is over once, when its answer is heard of', () => {
  const noted = questions()
  const over = vi.fn()
  noted.watch('q', over, new AbortController().signal)
  vi.advanceTimersByTime(askDeadlineMs - 1)
  for (const id of ['other', 'q', 'q']) noted.nudge(id)
  expect(over).toHaveBeenCalledOnce()
})

test('one that nobody answers, or whose call has gone, is not kept for longer than it may be answered', () => {
  const noted = questions()
  const gone = new AbortController()
  const over = vi.fn()
  noted.watch('late', over, new AbortController().signal)
  noted.watch('gone', over, gone.signal)
  gone.abort()
  vi.advanceTimersByTime(askDeadlineMs)
  for (const id of ['late', 'gone']) noted.nudge(id)
  expect([over.mock.calls.length, vi.getTimerCount()]).toEqual([0, 0])
})
