import { describe, expect, it } from 'vitest'
import type { ModelRequest } from '../../src/index.ts'
import { BenchBox } from '../../src/testing/bench-box.ts'
import { say, userTexts } from '../../src/testing/chat-kit.ts'
import { scriptedModel } from '../../src/testing/scripted-model.ts'
import { chat, models } from './chat.ts'

describe('the chat of the guide', () => {
  it('AGT-100, AGT-150: remembers what was said, is shown the notes, and ends when the customer ends it', async () => {
    const seen: ModelRequest[] = []
    const scripted = scriptedModel('helper', (request) => {
      seen.push(request)
      return `answer ${seen.length}`
    })
    const one = new BenchBox({ workflows: [chat], models: [{ ...scripted, id: 'openai/gpt-5.2' }] })
    one.work()
    const { runId } = await one.run('chat', 'hello')
    await say(one, runId, 'and my account?')
    await say(one, runId, '/end')
    expect((await one.ended(runId)).status).toBe('completed')
    const note = '[Context `notes`]\nana prefers to be called by her first name'
    expect(seen.map(userTexts)).toEqual([
      [note, 'hello'],
      [note, 'hello', 'and my account?'],
    ])
    await one.close()
  })

  it('AGT-120: the patience with providers of the guide is well formed', () => {
    const port = models({ OPENAI_API_KEY: 'k' })
    expect(port.resolve('openai/gpt-5.2').retry).toEqual({ attempts: 4, backoffMs: 500, maxWaitMs: 30_000 })
    expect(port.health?.()).toMatchObject([{ provider: 'openai', circuit: 'closed', concurrency: 16 }])
  })
})
