import { newId } from '../../base/ids.ts'
import { canonicalJson, type JsonValue } from '../../base/json.ts'
import { isoTime } from '../../base/time.ts'
import type { QuestionPacket } from '../../contracts/packets.ts'
import type { QuestionAbout, QuestionAnswered } from '../../contracts/records.ts'
import type { Ask } from './ask.ts'
import { listRequest } from '../person-request.ts'

/** A question is never answered by silence: it stays open, and the run with it (invariant 5). */
const NO_DEADLINE = 8_640_000_000_000_000

/** Who may say what became of an effect. */
const QUESTION_ROLES = ['approver', 'operator']

/** Asks a person about an effect and waits for the answer; one that is on record already is not asked again. */
export async function askPerson(
  ask: Ask,
  about: QuestionAbout,
  earlier: QuestionPacket['earlier'],
): Promise<{ readonly answer: QuestionAnswered['answer']; readonly id: string }> {
  // An answer that was acted upon answers nothing more: what was sent on it has an intent behind it.
  const acted = ask.journal().intents.at(-1)?.seq ?? 0
  const known = ask.journal().questions.find(({ asked, answered }) => {
    const fresh = answered === null || (answered.seq > acted && !ask.usedQuestions.has(asked.question_id))
    return asked.about === about && fresh
  })
  const id = known?.asked.question_id ?? (await open(ask, about, earlier))
  for (;;) {
    const entry = ask.journal().questions.find((q) => q.asked.question_id === id)
    if (entry?.answered) {
      ask.usedQuestions.add(id)
      return { answer: entry.answered.answer, id }
    }
    await ask.wait('question', id, null)
  }
}

async function open(ask: Ask, about: QuestionAbout, earlier: QuestionPacket['earlier']): Promise<string> {
  const { run } = ask
  const id = newId(run.env.host, 'que')
  const intent = ask.journal().intents.at(-1) ?? null
  const packet: QuestionPacket = {
    tool: ask.name,
    class: ask.class,
    arguments: canonicalJson(ask.args),
    idempotency_key: intent?.idempotency_key ?? ask.identity?.idempotencyKey ?? '',
    sent_at: intent?.at ?? isoTime(run.env.host.now()),
    earlier,
  }
  const record = run.append((put) => ({
    type: 'question.asked' as const,
    question_id: id,
    ask: ask.ref,
    about,
    // A packet is plain JSON; the round trip through the sealed text keeps it so.
    packet: put(packet as unknown as JsonValue, ask.labels),
  }))
  const { name: tool, class: toolClass, effect } = ask
  const approvers = [QUESTION_ROLES]
  listRequest(run, {
    id,
    kind: 'question',
    seq: record.seq,
    tool,
    class: toolClass,
    effect,
    approvers,
    deadline: NO_DEADLINE,
  })
  await run.flush()
  return id
}
