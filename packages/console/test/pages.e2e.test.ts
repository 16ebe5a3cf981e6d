import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ASK, RUN } from './mock/runs.ts'
import { FULL_DISK } from './mock/schedules.ts'
import { type Built, buildConsole, checkPage, openStage, type Stage } from './stage.ts'

let stage: Stage
let built: Built

beforeAll(async () => {
  built = await buildConsole('pages')
  stage = await openStage(built.dir)
})

afterEach(async () => {
  await stage.closePages()
})

afterAll(async () => {
  await stage?.close()
})

describe('every page, light and dark, wide and narrow', () => {
  it('CON-001: the console builds within 20 seconds', () => {
    expect(built.seconds).toBeLessThan(20)
  })

  it('CON-002: sign in', async () => {
    const page = await stage.visit('/')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await checkPage(page, 'sign-in')
  })

  it.each([
    ['a picture without words', '<img src="data:," />', /image-alt/],
    ['pale text', '<p style="color:#888;background:#999">pale</p>', /color-contrast/],
    ['something wide', '<p style="width:3000px">wide</p>', /wider than the screen/],
  ])('CON-002: the check notices %s', async (_, planted, found) => {
    const page = await stage.visit('/')
    await page.getByRole('heading', { name: 'Sign in' }).waitFor()
    await page.evaluate((html) => document.querySelector('main')?.insertAdjacentHTML('beforeend', html), planted)
    const failure: unknown = await checkPage(page, 'planted').catch((thrown: unknown) => thrown)
    expect(JSON.stringify(failure, ['message', 'actual'])).toMatch(found)
  })

  it('CON-002: runs', async () => {
    // Rows repeat the same parts: a dozen shows them all.
    stage.mock.backend.runs.splice(12)
    const page = await stage.open('paul', '/runs')
    await page.getByRole('table', { name: 'Runs' }).waitFor()
    await checkPage(page, 'runs')
  })

  for (const view of ['timeline', 'graph', 'checkpoints', 'decisions', 'cost', 'content']) {
    it(`CON-002: a completed run, ${view}`, async () => {
      const page = await stage.open('olga', `/runs/${RUN.completed}/${view}`)
      await page.getByRole('tabpanel').locator('ol, table, section').first().waitFor()
      await checkPage(page, `run-${view}`)
    })
  }

  for (const name of ['waiting', 'question', 'parked', 'running', 'restored', 'denied'] as const) {
    it(`CON-002: a run, ${name}`, async () => {
      const page = await stage.open(name === 'parked' ? 'vera' : 'olga', `/runs/${RUN[name]}`)
      await page.getByRole('list', { name: 'Timeline' }).waitFor()
      await page.locator('details').last().locator('summary').click()
      await checkPage(page, `run-${name}`)
    })
  }

  it('CON-002, CON-084: a stopped run says by what it ended and why each thing was left undone', async () => {
    const page = await stage.open('olga', `/runs/${RUN.stopped}`)
    await page.getByText('Ended by: budget').waitFor()
    await page.getByText('its model call was refused').waitFor()
    await page.getByText('it had not been reached').waitFor()
    await checkPage(page, 'run-stopped')
  })

  it('CON-002: approvals, nothing chosen', async () => {
    const page = await stage.open('paul', '/approvals')
    await page.getByText('Pay invoice INV-2026-0042').first().waitFor()
    await checkPage(page, 'inbox')
  })

  it('CON-002: an approval, its dialog, one that the viewer cannot decide, a decided one', async () => {
    const page = await stage.open('paul', `/approvals/${ASK.payment}`)
    await page.getByRole('button', { name: 'Approve', exact: true }).waitFor()
    await checkPage(page, 'approval')
    await page.keyboard.press('a')
    await page.getByRole('dialog').waitFor()
    await checkPage(page, 'approval-dialog')
    const blocked = await stage.open('rita', `/approvals/${ASK.notice}`)
    await blocked.getByRole('article').waitFor()
    await checkPage(blocked, 'approval-blocked')
    const decided = await stage.open('vera', '/approvals/apr_01kbrejected000000000004?show=decided')
    await decided.getByRole('article').waitFor()
    await checkPage(decided, 'approval-decided')
  })

  it('CON-002: a question', async () => {
    const page = await stage.open('olga', `/questions/${ASK.unknown}`)
    await page.getByRole('button', { name: 'It happened' }).waitFor()
    await checkPage(page, 'question')
  })

  it('CON-002: a request of a port', async () => {
    const page = await stage.open('paul', `/requests/${ASK.port}`)
    await page.getByRole('button', { name: 'Send the answer' }).waitFor()
    await checkPage(page, 'request')
  })

  it('CON-002: kill switches and the form that engages one', async () => {
    const page = await stage.open('olga', '/kill-switches')
    await page.getByRole('table', { name: 'Kill switches', exact: true }).waitFor()
    await checkPage(page, 'kill-switches')
    await page.getByRole('button', { name: 'Engage a kill switch…' }).click()
    await page.getByRole('dialog').waitFor()
    await checkPage(page, 'kill-switch-dialog')
  })

  it('CON-002: schedules, one of them, the banner of trouble', async () => {
    stage.mock.backend.troubles.push(FULL_DISK)
    const page = await stage.open('olga', '/schedules')
    await page.getByRole('table', { name: 'Schedules' }).waitFor()
    await page.getByRole('status').getByText('the disk is full').waitFor()
    await checkPage(page, 'schedules')
    stage.mock.backend.troubles.splice(0)
    const one = await stage.open('vera', '/schedules/close-the-day')
    await one.getByRole('table', { name: 'History' }).waitFor()
    await checkPage(one, 'schedule')
  })

  it('CON-002: the menu, the help, an address that is not there', async () => {
    const page = await stage.open('olga', '/nowhere')
    await page.getByText('There is no such page').waitFor()
    await checkPage(page, 'not-found')
    await page.getByRole('button', { name: /user:olga/ }).click()
    await page.getByRole('menu').waitFor()
    await checkPage(page, 'menu')
    await page.keyboard.press('Escape')
    await page.getByRole('menu').waitFor({ state: 'detached' })
    await page.keyboard.press('?')
    await page.getByRole('dialog', { name: 'Keyboard' }).waitFor()
    await checkPage(page, 'help')
  })

  it('CON-003: no page reports an error or breaks the content security policy', () => {
    expect(stage.faults).toEqual([])
  })
})
