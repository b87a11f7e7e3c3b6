import type { Locator, Page } from '@playwright/test'

/** Chooses an agent in a form by a part of its name or id, as a person does. */
export async function chooseAgent(page: Page, { in: form, agent }: { in: Locator; agent: string }): Promise<void> {
  await form.getByRole('button', { name: /^Agent: / }).click()
  const dialog = page.getByRole('dialog', { name: 'Choose an agent' })
  await dialog.getByRole('searchbox', { name: 'Find the agent' }).fill(agent)
  await dialog.getByRole('radio', { name: agent }).check()
  await dialog.getByRole('button', { name: 'Done' }).click()
}
