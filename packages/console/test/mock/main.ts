/** `npm run mock --workspace @signalbox/console`: the built console over the mock backend, for looking at pages. */
import { fileURLToPath } from 'node:url'
import { PEOPLE, tokenOf } from './people.ts'
import { startMock } from './server.ts'

const mock = await startMock({
  port: Number(process.env.PORT ?? 4750),
  consoleDir: fileURLToPath(new URL('../../dist', import.meta.url)),
})
for (const person of PEOPLE) process.stdout.write(`${person}  ${mock.url}/#token=${tokenOf(person)}\n`)
