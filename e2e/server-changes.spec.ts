import { type APIRequestContext, expect, test } from '@playwright/test'
import { callTool, credentialOf, tokenOf } from './support/agent-calls.ts'
import { adminApi } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { disableServer, grantScope, registerApproved, startToolServer, type ToolServer } from './support/tool-server.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

const id = `changing-${Date.now().toString(36)}`
const path = `/servers/${id}`
const agentId = 'invoice-reconciler-iberia'
const tools = [
  {
    name: 'read_ledger',
    description: 'Reads the ledger.',
    annotations: { readOnlyHint: true },
    answer: () => ({ content: [{ type: 'text' as const, text: 'The ledger is open.' }] }),
  },
]

test.describe.configure({ mode: 'serial' })

let api: APIRequestContext
let server: ToolServer
let token: string

const answer = async () => (await callTool(token, 'read_ledger', {}, id)).text

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000)
  api = await adminApi()
  server = await startToolServer(() => tools)
  await registerApproved(api, { id, name: 'Changing ledger', url: server.url }, tools)
  const page = await browser.newPage()
  await grantScope(api, page, { agentId, serverId: id, class: 'read' })
  await page.close()
  token = await tokenOf(await credentialOf(agentId))
})

test.afterAll(async () => {
  await disableServer(api, id)
  await api.dispose()
  await server.stop()
})

test('a server is disabled on its page, which says what that means and who can enable it, and agents reach it again afterwards', async ({
  page,
}) => {
  test.setTimeout(180_000)
  await expect.poll(answer, { timeout: 60_000 }).toContain('The ledger is open.')
  await signInAs(page, 'Security')
  await page.goto(path)
  await page.getByRole('button', { name: 'Disable Changing ledger' }).click()
  const dialog = page.getByRole('dialog', { name: 'Disable Changing ledger' })
  await expect(dialog).toContainText('no agent reaches it any more')
  await expectAccessible(page)
  await dialog.getByRole('button', { name: 'Disable it' }).click()
  const main = page.getByRole('main')
  const said = 'This server is disabled: no agent reaches it'
  await expect(main).toContainText(said)
  await expect(main).toContainText(`wheelhouse servers enable ${id}`)
  await expect(main).toContainText(/ disabled it /)
  await expect.poll(answer, { timeout: 60_000 }).toContain('server_disabled')
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, path)

  await signInAs(page, 'Builder')
  await page.goto(path)
  await expect(main).toContainText(said)
  const enable = page.getByRole('button', { name: /^Enable Changing ledger/ })
  await expect(enable).toBeDisabled()
  await expect(enable).toContainText(/Security, Platform admin/)
  await page.getByRole('link', { name: 'server_disabled' }).click()
  await expect(main).toContainText('Enable the server on its page.')

  await signInAs(page, 'Platform admin')
  await page.goto(path)
  await enable.click()
  await page.getByRole('dialog').getByRole('button', { name: 'Enable it' }).click()
  await expect(page.getByRole('button', { name: 'Disable Changing ledger' })).toBeVisible()
  await expect(main).not.toContainText(said)
  await expect.poll(answer, { timeout: 60_000 }).toContain('The ledger is open.')
})
