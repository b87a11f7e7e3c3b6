import { expect, test } from 'vitest'
import { Cancellations, type RequestKey } from './cancellations.ts'

const key = (id: string): RequestKey => ({ agentId: 'agent', runId: null, session: 'session', id })

test('a cancellation that another replica tells of ends the request it means, and no other', () => {
  const told: string[] = []
  const elsewhere = new Cancellations((digest) => told.push(digest))
  elsewhere.tellOthers(key('one'))
  const here = new Cancellations(() => {})
  const [one, other] = [here.begin(key('one')), here.begin(key('other'))]
  here.cancelDigest(told[0]!)
  expect([one.gone.aborted, other.gone.aborted]).toEqual([true, false])
})

test('the id of a request is read once, however many cancellations other replicas tell of', () => {
  let reads = 0
  const long = {
    ...key(''),
    get id() {
      reads += 1
      return 'x'.repeat(1000)
    },
  }
  const here = new Cancellations(() => {})
  const { gone, end } = here.begin(long)
  for (let time = 0; time < 50; time += 1) here.cancelDigest(`nobody-${time}`)
  expect(reads).toBe(1)
  expect(gone.aborted).toBe(false)
  end()
})
