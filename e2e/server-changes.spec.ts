import { type APIRequestContext, expect, type Page, test } from '@playwright/test'
import { callTool } from './support/agent-calls.ts'
import { adminApi, post } from './support/api.ts'
import { expectAccessible } from './support/axe.ts'
import { signInAs } from './support/sign-in.ts'
import { disableServer, registerReadable, startToolServer, type ToolServer } from './support/tool-server.ts'
import { expectNoSidewaysScroll } from './support/width.ts'

const id = `changing-${Date.now().toString(36)}`
const path = `/servers/${id}`
const programId = `${id}-program`
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
let other: ToolServer
let token: string

const answer = async () => (await callTool(token, 'read_ledger', {}, id)).text

test.beforeAll(async ({ browser }) => {
  test.setTimeout(180_000)
  api = await adminApi()
  server = await startToolServer(() => tools)
  other = await startToolServer(() => tools)
  const page = await browser.newPage()
  token = await registerReadable(api, page, { id, name: 'Changing ledger', url: server.url, tools, agentId })
  await page.close()
})

test.afterAll(async () => {
  await disableServer(api, id)
  await disableServer(api, programId)
  await api.dispose()
  await server.stop()
  await other.stop()
})

test('a server is disabled on its page for a reason, which is told there and to agents, with who can enable it, and agents reach it again afterwards', async ({
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
  const confirm = dialog.getByRole('button', { name: 'Disable it' })
  const reason = dialog.getByLabel('Reason')
  await confirm.click()
  await expect(reason).toHaveAccessibleDescription(/Say why/)
  await reason.fill('It answers for another ledger.')
  await confirm.click()
  const main = page.getByRole('main')
  const said = 'This server is disabled: no agent reaches it'
  await expect(main).toContainText(said)
  await expect(main).toContainText(`wheelhouse servers enable ${id}`)
  await expect(main).toContainText(/ disabled it .+: It answers for another ledger\./)
  await expect.poll(answer, { timeout: 60_000 }).toContain('server_disabled')
  expect(await answer()).toContain('is disabled: It answers for another ledger.')
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

async function edit(page: Page, name: string) {
  await page.getByRole('button', { name: 'Edit…' }).click()
  return page.getByRole('dialog', { name: `Edit ${name}` })
}

test('name and facts of a server are edited on its page: what is wrong is said at its field, and what is lower waits for a second person', async ({
  page,
}) => {
  await signInAs(page, 'Builder')
  await page.goto(path)
  await expect(page.getByRole('button', { name: /^Edit….*Security, Platform admin/ })).toBeDisabled()

  await signInAs(page, 'Security')
  await page.goto(path)
  const dialog = await edit(page, 'Changing ledger')
  const save = dialog.getByRole('button', { name: 'Save changes' })
  const name = dialog.getByLabel('Name (required)')
  await name.fill('Changing\u202e ledger')
  await save.click()
  await expect(name).toHaveAccessibleDescription(/Use one line without control characters/)
  await expect(name).toHaveAttribute('aria-invalid', 'true')
  await name.fill('Changed ledger')
  await dialog.getByLabel('What it offers').fill('Reads the ledger of the year.')
  await dialog.getByLabel('Environment').selectOption('development')
  await dialog.getByLabel('Sensitivity of its data').selectOption('confidential')
  await expect(dialog).toContainText('staging counts until somebody else confirms development')
  await expect(dialog).toContainText('The sensitivity confidential counts at once')
  await expectAccessible(page)
  await save.click()
  await expect(page.getByText('What is lower is proposed: it counts when somebody else confirms it.')).toBeVisible()
  await expect(page.getByRole('heading', { level: 1, name: 'Changed ledger' })).toBeVisible()
  const main = page.getByRole('main')
  await expect(main).toContainText('Environment development instead of staging')
  await expect(main).toContainText('Reads the ledger of the year.')

  const again = await edit(page, 'Changed ledger')
  await again.getByLabel('What it offers').fill('Reads the ledger.')
  await again.getByRole('button', { name: 'Save changes' }).click()
  await expect(page.getByText('Changed ledger is changed.')).toBeVisible()
  // What was not touched still waits.
  await expect(main).toContainText('Environment development instead of staging')

  const outdated = await edit(page, 'Changed ledger')
  await outdated.getByLabel('What it offers').fill('Reads it.')
  const meanwhile = await api.patch(`/api/v1/servers/${id}`, { data: { description: 'Reads all of the ledger.' } })
  expect(meanwhile.ok(), await meanwhile.text()).toBe(true)
  await outdated.getByRole('button', { name: 'Save changes' }).click()
  await expect(outdated.getByRole('alert')).toContainText('Someone else changed this in the meantime')
  await outdated.getByRole('button', { name: 'Cancel' }).click()
  await expect(main).toContainText('Reads all of the ledger.')
})

test('a server is moved to another address after that was probed, and what guards it less was accepted by name', async ({
  page,
}) => {
  test.setTimeout(180_000)
  const credential = await api.put(`/api/v1/servers/${id}/credential`, {
    data: { kind: 'bearer', secret: 'of before' },
  })
  expect(credential.ok(), await credential.text()).toBe(true)
  await signInAs(page, 'Security')
  await page.goto(path)
  const dialog = await edit(page, 'Changed ledger')
  const address = dialog.getByLabel('Address (required)')
  const save = dialog.getByRole('button', { name: 'Save changes' })
  await address.fill('ftp://ledger.example.com')
  await save.click()
  await expect(address).toHaveAccessibleDescription('Use an http or https address.')

  await address.fill(other.url)
  await expect(dialog).toContainText('The credential of the server is removed')
  await expect(dialog).toContainText('list its tools anew within a minute')
  await save.click()
  await expect(dialog.getByRole('alert')).toContainText('Accept by name what guards this server less')
  await dialog.getByRole('button', { name: 'Probe' }).click()
  const unprobed = dialog.getByRole('checkbox', { name: /^Not probed/ })
  await expect(dialog.getByRole('list', { name: 'Tools it offers' })).toContainText('read_ledger', { timeout: 60_000 })
  await expect(unprobed).toHaveCount(0)
  for (const finding of await dialog.getByRole('checkbox').all()) await finding.check()
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, path)
  await save.click()
  await expect(dialog).toHaveCount(0)
  await expect(page.getByRole('main')).toContainText(other.url)
  await expect(page.getByText('No credential is set')).toBeVisible()
  await server.stop()
  await expect.poll(answer, { timeout: 60_000 }).toContain('The ledger is open.')
})

test('arguments and variables of a program are changed on its page, where it is said what follows and what guards it less', async ({
  page,
}) => {
  const place = { environment: 'staging', sensitivity: 'internal', acknowledged: ['not_probed'] }
  const command = { command: 'node', args: ['ledger.mjs', '--root', '/data'], env: ['LEDGER_TOKEN'] }
  await post(api, '/servers', { id: programId, name: 'Ledger program', transport: 'stdio', command, ...place })
  const credential = await api.put(`/api/v1/servers/${programId}/credential`, {
    data: { kind: 'bearer', secret: JSON.stringify({ LEDGER_TOKEN: 'of before' }) },
  })
  expect(credential.ok(), await credential.text()).toBe(true)
  await signInAs(page, 'Security')
  await page.goto(`/servers/${programId}`)
  const dialog = await edit(page, 'Ledger program')
  const save = dialog.getByRole('button', { name: 'Save changes' })
  const names = dialog.getByLabel('Names of its variables')
  await expect(dialog.getByRole('button', { name: 'Probe' })).toHaveCount(0)
  await names.fill('LEDGER_TOKEN NODE_OPTIONS')
  for (const finding of await dialog.getByRole('checkbox').all()) await finding.check()
  await save.click()
  await expect(names).toHaveAccessibleDescription(/would change how programs are loaded/)
  await names.fill('LEDGER_TOKEN LEDGER_YEAR')
  await dialog.getByLabel('Arguments').fill('ledger.mjs\n--root\n/all data')
  await expect(dialog).toContainText('The credential of the server is removed')
  await expect(dialog).toContainText('Its variables have no values until they are set')
  await save.click()
  await expect(dialog.getByRole('alert')).toContainText('Accept by name what guards this server less')
  await dialog.getByRole('checkbox', { name: /^Not probed/ }).check()
  await dialog.getByLabel('LEDGER_YEAR').fill('2026')
  await expect(dialog).toContainText('The values above are sealed as its new credential.')
  await expectAccessible(page)
  await page.setViewportSize({ width: 360, height: 800 })
  await expectNoSidewaysScroll(page, `/servers/${programId}`)
  await save.click()
  await expect(page.getByText('Ledger program is changed.')).toBeVisible()
  await expect(page.getByRole('main')).toContainText('node ledger.mjs --root /all data')
  const after = { ...command, args: ['ledger.mjs', '--root', '/all data'], env: ['LEDGER_TOKEN', 'LEDGER_YEAR'] }
  const server = (await (await api.get(`/api/v1/servers/${programId}`)).json()) as { credentials: unknown[] }
  expect(server).toMatchObject({ command: after })
  expect(server.credentials).toHaveLength(1)
})
