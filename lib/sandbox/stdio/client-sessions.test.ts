import { expect, test } from 'vitest'
import { ClientSessions, uriLengthMax, urisMax } from './client-sessions.ts'

test('streams end with their process, and of one that has ended before nothing is kept', () => {
  const sessions = new ClientSessions()
  const ended: string[] = []
  const leave = sessions.streaming(() => ended.push('left'))
  sessions.streaming(() => ended.push('open'))
  leave()
  expect(sessions.streams).toBe(1)
  sessions.close()
  sessions.streaming(() => ended.push('late'))
  expect([ended, sessions.streams]).toEqual([['open', 'late'], 0])
})

test('a session hears of so many resources, by addresses of so many characters, and no more', () => {
  const sessions = new ClientSessions()
  const session = sessions.open({})
  expect(sessions.subscribe(session, 'x'.repeat(uriLengthMax + 1))).toBe(false)
  for (let at = 0; at < urisMax; at += 1) expect(sessions.subscribe(session, `doc://${at}`)).toBe(true)
  expect(sessions.subscribe(session, 'doc://more')).toBe(false)
  // What it hears of already is none more.
  expect(sessions.subscribe(session, 'doc://0')).toBe(true)
  expect(session.subscriptions.size).toBe(urisMax)
  const heard: unknown[] = []
  session.stream = (message) => heard.push(message)
  for (const uri of ['doc://0', 'doc://more'])
    sessions.broadcast({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })
  expect(heard).toMatchObject([{ params: { uri: 'doc://0' } }])
})

test('a session hears of the parts of what it watches, and of nothing beside it', () => {
  const sessions = new ClientSessions()
  const session = sessions.open({})
  sessions.subscribe(session, 'file:///project')
  const heard: unknown[] = []
  session.stream = (message) => heard.push(message)
  for (const uri of ['file:///projects', 'file:///project/a.md', 'file:///'])
    sessions.broadcast({ jsonrpc: '2.0', method: 'notifications/resources/updated', params: { uri } })
  expect(heard).toMatchObject([{ params: { uri: 'file:///project/a.md' } }])
})
