import { type APIRequestContext, expect, test } from '@playwright/test'
import { callTool } from './support/agent-calls.ts'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { disableServer, registerReadable, startToolServer, type ToolServer } from './support/tool-server.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

const id = `trouble-${Date.now().toString(36)}`
const path = `/servers/${id}`
const agentId = 'invoice-reconciler-iberia'
const tools = [
  {
    name: 'read_ledger',
    description: 'Reads the ledger.',
    annotations: { readOnlyHint: true },
    answer: () => ({ content: [{ type: 'text' as const, text: 'The ledger is locked.' }], isError: true }),
  },
]

test.describe.configure({ mode: 'serial' })

let api: APIRequestContext
let server: ToolServer
let token: string

const call = async () => await callTool(token, 'read_ledger', {}, id)

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000)
  api = await adminApi()
  server = await startToolServer(() => tools)
  const page = await browser.newPage()
  token = await registerReadable(api, page, { id, name: 'Troubled ledger', url: server.url, tools, agentId })
  await page.close()
})

test.afterAll(async () => {
  await disableServer(api, id)
  await api.dispose()
  await server.stop()
})

test('on-call sees on the server’s page which calls failed, of whom and why, and goes to the explanation and to all of them', async ({
  page,
}) => {
  await expect.poll(async () => (await call()).text, { timeout: 60_000 }).toContain('The ledger is locked.')
  await signInAs(page, 'On-call')
  await page.goto(path)
  const failed = page.getByRole('table', { name: 'Last errors' }).getByRole('row').filter({ hasText: 'read_ledger' })
  await expect(failed.first()).toContainText('Invoice reconciler: iberia')
  await expect(failed.first()).toContainText('The tool answered with an error.')
  await expectAccessible(page)
  await failed.first().getByRole('link', { name: 'why' }).click()
  await expect(page).toHaveURL(/\/explain\//)
  await expect(page.getByRole('main')).toContainText('The tool answered with an error.')

  await page.goto(path)
  await page.getByRole('link', { name: 'Errors', exact: true }).click()
  await expect(page).toHaveURL(/outcome=error/)
  await expect(page.getByLabel('Outcome')).toHaveValue('error')
  const events = page.getByRole('table', { name: 'Audit events' })
  await expect(events).toContainText('read_ledger')
  await expectAccessible(page)
  await page.getByLabel('Outcome').selectOption('errors of the server')
  await page.getByRole('button', { name: 'Apply' }).click()
  await expect(page.getByText('No event matches')).toBeVisible()
})

test('of a server that is down its page says since when it is left alone, after what and until when, and that it answers again', async ({
  page,
}) => {
  test.setTimeout(300_000)
  await server.stop()
  await signInAs(page, 'On-call')
  await page.goto(path)
  const health = page
    .getByRole('definition')
    .filter({ hasText: /left alone|leaves it alone|again since|No broker has|cannot be listed now/ })
  await expect(async () => {
    await call()
    await page.reload()
    await expect(health.getByText('left alone')).toBeVisible({ timeout: 2000 })
  }).toPass({ timeout: 120_000 })
  await expect(health).toContainText(
    /since .+ after \d+ failures in a row; the next try is due at \d{4}-\d\d-\d\d \d\d:\d\d/,
  )
  await expect(health).toContainText(/Last error: .+/)
  await expect(page.getByRole('table', { name: 'Last errors' })).toContainText('did not carry out read_ledger')
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, path)

  await server.start()
  await expect(async () => {
    await page.reload()
    await expect(health.getByText(/^Answers .+ again since/)).toBeVisible({ timeout: 2000 })
  }).toPass({ timeout: 150_000 })
  await expect(health.getByText('left alone')).toHaveCount(0)
  await expect(health).toContainText(/Last error: .+/)
  await expectAccessible(page)
})
