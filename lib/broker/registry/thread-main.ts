import { parentPort, workerData } from 'node:worker_threads'
import { createDb } from '#lib/db/client.ts'
import { invariant } from '#lib/core/errors.ts'
import { createLog } from '#lib/log/log.ts'
import { RegistryAnswers } from './answering.ts'
import type { FromThread, ThreadSettings, ToThread } from './messages.ts'

// A thread of the broker: the index of the fleet is built and asked here, so that no call of an agent waits for it.

const port = parentPort
invariant(port, 'this is started as a thread')
const { databaseUrl, logLevel, demoPeople, brokerUrl, portalUrl, limits } = workerData as ThreadSettings
const db = createDb(databaseUrl, { poolSize: 3 })
const log = createLog({ process: 'broker', level: logLevel })
const addresses = { brokerUrl, portalUrl }
const answers = new RegistryAnswers({ db, demoPeople, addresses, limits, now: () => new Date(), log })

port.on('message', (message: ToThread) => {
  if (message === 'close') return void close()
  const { id, request } = message
  answers.answer(request).then(
    (answer) => tell({ id, answer }),
    (error: unknown) => {
      log.error({ err: error }, 'a question to the registry failed')
      const body = JSON.stringify({ jsonrpc: '2.0', id: null, error: { code: -32603, message: 'Internal error' } })
      tell({ id, answer: { status: 500, headers: { 'content-type': 'application/json' }, body } })
    },
  )
})

function tell(message: FromThread): void {
  port?.postMessage(message)
}

async function close(): Promise<void> {
  await answers.close()
  await db.$disconnect()
  port?.close()
}
